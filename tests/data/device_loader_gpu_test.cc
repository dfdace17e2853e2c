#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "composer/data/device_loader.h"
#include "composer/data/loader.h"
#include "composer/data/tensor_dataset.h"

namespace composer {
namespace {

std::shared_ptr<DataLoader> rows(bool pin_memory) {
  const auto dataset = std::make_shared<TensorDataset>(
      TensorDict{{"input", at::arange(64 * 100000, at::kFloat).view({64, 100000})},
                 {"target", at::arange(64)}});
  MapDataLoaderOptions options = {.batch_size = 8, .shuffle = true, .workers = 2};
  if (pin_memory) options.pin_memory_for = at::kCUDA;
  auto loader = MapDataLoader::create(dataset, options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

TEST(DeviceLoaderGpuTest, CopiesBatchesWhileTheDeviceWorks) {
  if (!at::hasCUDA()) GTEST_SKIP() << "this machine has no GPU";
  for (const bool pin_memory : {false, true}) {
    const auto plain = rows(false);
    DeviceLoader loader(rows(pin_memory), at::kCUDA);
    at::Tensor busy = at::ones({2048, 2048}, at::kCUDA);
    for (int64_t epoch = 0; epoch < 20; ++epoch) {
      plain->seek(epoch, 0);
      loader.seek(epoch, 0);
      std::vector<at::Tensor> sums;
      std::vector<Batch> expected;
      while (std::optional<Batch> batch = loader.next()) {
        EXPECT_TRUE(batch->at("input").is_cuda());
        // Work behind which the sums of batches queue, whose memory is free again by then.
        busy = at::mm(busy, busy).div_(2048);
        sums.push_back(batch->at("input").sum({1}, false, at::kDouble) +
                       batch->at("target").to(at::kDouble));
        expected.push_back(*plain->next());
      }
      ASSERT_EQ(sums.size(), 8u);
      for (size_t i = 0; i < sums.size(); ++i) {
        const at::Tensor sum = expected[i].at("input").sum({1}, false, at::kDouble) +
                               expected[i].at("target").to(at::kDouble);
        EXPECT_TRUE(at::allclose(sums[i].cpu(), sum, 1e-9));
      }
    }
  }
}

}  // namespace
}  // namespace composer
