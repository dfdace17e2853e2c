#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "composer/data/dataset_batch_maker.h"
#include "composer/data/loader.h"
#include "composer/data/tensor_dataset.h"

namespace composer {
namespace {

double resident_megabytes() {
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0;
  file >> size >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / 1e6;
}

// An epoch is 13 MB in 40 batches.
double growth_over_100_epochs(int64_t workers, bool transform) {
  const auto rows = std::make_shared<TensorDataset>(
      TensorDict{{"input", at::zeros({1280, 2560})}, {"target", at::arange(1280)}});
  DatasetBatchMakerOptions options;
  if (transform) {
    options.transform = [](TensorDict& sample, CounterRandom& random) {
      sample.set("input", sample.at("input") + random.uniform());
    };
  }
  auto loader = MapDataLoader::create(std::make_shared<DatasetBatchMaker>(rows, options),
                                      {.batch_size = 32, .shuffle = true, .workers = workers});
  EXPECT_TRUE(loader.ok()) << loader.status();
  double before = 0;
  for (int64_t epoch = 0; epoch < 100; ++epoch) {
    if (epoch == 10) before = resident_megabytes();
    (*loader)->seek(epoch, 0);
    int64_t samples = 0;
    while (const std::optional<Batch> batch = (*loader)->next()) samples += batch->num_samples();
    EXPECT_EQ(samples, 1280);
  }
  return resident_megabytes() - before;
}

// One batch in each epoch that is not given back would be 30 MB. What the threads' heaps keep for
// themselves varies by a few.
TEST(LoaderMemoryTest, IsFlatOver100Epochs) {
  at::set_num_threads(1);
  for (const int64_t workers : {0, 2}) {
    for (const bool transform : {false, true}) {
      EXPECT_LT(growth_over_100_epochs(workers, transform), 10) << workers << transform;
    }
  }
}

}  // namespace
}  // namespace composer
