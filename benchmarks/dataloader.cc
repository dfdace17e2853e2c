// How fast batches come. Images of 3x32x32 bytes, cropped at random after padding, mirrored and
// normalised: the loader that a config describes, a kernel written by hand for this very task under
// LibTorch's DataLoader, and that loader with ATen's operators. Also a folder of JPEGs against
// libjpeg-turbo alone, and what the loader itself costs.
//
//   ./bazelw run //benchmarks:dataloader [-- CASE ...]

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "benchmarks/dataloader_baselines.h"
#include "benchmarks/dataloader_files.h"
#include "benchmarks/report.h"
#include "composer/data/from_config.h"
#include "composer/data/gather.h"
#include "composer/data/image_dataset.h"
#include "composer/data/loader.h"
#include "composer/data/samplers/permutation.h"
#include "composer/data/tensor_dataset.h"
#include "composer/data/transforms/from_config.h"
#include "proto/data.pb.h"

namespace composer::benchmarks {
namespace {

constexpr int kRuns = 15;
constexpr int64_t kImages = 60000;
// ATen's operators take some thirty times as long as the rest.
constexpr int64_t kLibtorchImages = 6400;
constexpr int64_t kJpegs = 256;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <typename T>
T must(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "dataloader: %s\n", value.status().ToString().c_str());
  std::exit(1);
}

config::DataLoader parse(const std::string& text) {
  config::DataLoader config;
  if (!google::protobuf::TextFormat::ParseFromString(text, &config)) std::exit(1);
  return config;
}

// Not as for training, where workers go on with the next epoch while another variant is timed.
std::shared_ptr<DataLoader> loader_of(const std::string& config) {
  return must(build_loader(parse(config), {.seed = 1}));
}

// The next epoch of `loader` each time.
Epoch epoch_of(std::shared_ptr<DataLoader> loader) {
  return [loader, epoch = int64_t{0}]() mutable {
    int64_t seen = 0;
    loader->seek(epoch++, 0);
    while (const auto batch = loader->next()) seen += batch->num_samples();
    return seen;
  };
}

struct Variant {
  std::string name;
  Epoch epoch;
};

// Images a second, the variants in turn; a first run of each is a warm-up.
void compare(const std::string& name, const std::vector<Variant>& variants) {
  std::vector<Series> series;
  for (const Variant& variant : variants) series.push_back({variant.name, {}});
  for (int run = -1; run < kRuns; ++run) {
    for (size_t i = 0; i < variants.size(); ++i) {
      int64_t seen = 0;
      const double seconds = seconds_of([&] { seen = variants[i].epoch(); });
      if (run >= 0) series[i].values.push_back(static_cast<double>(seen) / seconds);
    }
  }
  print_report("dataloader", name, "images/s", series);
}

constexpr char kSmallTransforms[] = R"(
  transforms { random_crop { size: 32 padding: 4 } }
  transforms { random_horizontal_flip {} }
  transforms {
    normalize { mean: [0.4914, 0.4822, 0.4465] std: [0.2470, 0.2435, 0.2616] }
  }
  batch_size: 128
  shuffle: true)";

std::string small_config(const TemporaryFolder& folder, int64_t workers) {
  return absl::StrCat("dataset { cifar10 { dir: \"", folder.path().string(), "\" } }",
                      kSmallTransforms, " workers: \"", workers, "\"");
}

void crop_flip_norm(const TemporaryFolder& folder, std::shared_ptr<const SmallImages> images,
                    int64_t workers) {
  compare(absl::StrCat("crop_flip_norm_w", workers),
          {{"pipeline", epoch_of(loader_of(small_config(folder, workers)))},
           {"handwritten", handwritten(images, workers)},
           {"libtorch", libtorch(images, workers, kLibtorchImages)}});
}

// From a configured loader's making to its first batch, once its dataset is in memory, and with
// reading the files too.
void start(const TemporaryFolder& folder) {
  const config::DataLoader config = parse(small_config(folder, 0));
  const std::shared_ptr<Dataset> dataset = must(build_dataset(config.dataset()));
  std::vector<Series> series = {{"in_memory", {}}, {"from_files", {}}};
  for (int run = -1; run < kRuns; ++run) {
    const double in_memory = seconds_of([&] {
      const auto maker = must(build_image_batch_maker(dataset, config.transforms(), {.seed = 1}));
      must(MapDataLoader::create(maker, {.batch_size = kBatchSize, .shuffle = true}))->next();
    });
    const double from_files = seconds_of([&] { loader_of(small_config(folder, 0))->next(); });
    if (run < 0) continue;
    series[0].values.push_back(in_memory * 1e3);
    series[1].values.push_back(from_files * 1e3);
  }
  print_report("dataloader", "start_to_first_batch", "ms", series);
}

// JPEGs of ImageNet's usual size: read and decoded (`image_folder`), then cropped, mirrored and
// normalised too, against decoding the same bytes from memory by libjpeg-turbo alone.
void jpeg_folder() {
  const TemporaryFolder folder;
  const std::vector<std::vector<uint8_t>> jpegs = write_jpegs(folder.path(), kJpegs, 375, 500);
  const std::string dataset =
      absl::StrCat("dataset { image_folder { dir: \"", folder.path().string(), "\" } }",
                   " batch_size: 64 shuffle: true ");
  const std::string flip = " transforms { random_horizontal_flip {} } ";
  const std::string crop = "transforms { random_crop { size: 224 } }" + flip;
  JpegDecoding decoding;
  const Epoch decode_only = [&] {
    for (const auto& jpeg : jpegs) decoding.decode(jpeg);
    return static_cast<int64_t>(jpegs.size());
  };
  const auto images =
      std::dynamic_pointer_cast<const ImageDataset>(must(build_dataset(parse(dataset).dataset())));
  std::vector<uint8_t> storage;
  const Epoch image_folder = [&] {
    for (int64_t i = 0; i < images->size(); ++i) images->image(i, storage);
    return images->size();
  };
  compare("jpeg_w0",
          {{"image_folder", image_folder},
           {"pipeline", epoch_of(loader_of(dataset + crop + "workers: \"0\""))},
           {"resized_crop",
            epoch_of(loader_of(dataset + "transforms { random_resized_crop { size: 224 } }" + flip +
                               "workers: \"0\""))},
           {"decode_only", decode_only}});
  compare("jpeg_w2", {{"pipeline", epoch_of(loader_of(dataset + crop + "workers: \"2\""))},
                      {"decode_only", decode_only}});
}

// A batch after a seek to sample 10^9 of 2 * 10^9, and one without.
void seek() {
  constexpr int64_t kBatch = 1'000'000'000 / kBatchSize;
  const auto loader = loader_of(R"(
      dataset { synthetic { num_samples: 2000000000 shape: 1 } }
      batch_size: 128 shuffle: true workers: "0")");
  std::vector<Series> series = {{"seek_and_next", {}}, {"next", {}}};
  for (int run = -1; run < kRuns; ++run) {
    const double with_seek = seconds_of([&] {
      loader->seek(run + 1, kBatch);
      loader->next();
    });
    const double without = seconds_of([&] { loader->next(); });
    if (run < 0) continue;
    series[0].values.push_back(with_seek * 1e6);
    series[1].values.push_back(without * 1e6);
  }
  print_report("dataloader", "seek_1e9", "us", series);
}

// Batches of rows in memory, against gathering the same rows, and how much longer that takes.
void overhead() {
  constexpr int64_t kBatches = kImages / kBatchSize;
  const at::Tensor rows = at::rand({kImages, 16});
  const auto dataset = std::make_shared<const TensorDataset>(TensorDict({{"input", rows}}));
  for (const bool shuffle : {false, true}) {
    const std::shared_ptr<DataLoader> loader = must(MapDataLoader::create(
        dataset, {.batch_size = kBatchSize, .shuffle = shuffle, .drop_last = true, .seed = 1}));
    std::vector<int64_t> order(kImages);
    const Permutation permutation(kImages, 1, 0);
    for (int64_t i = 0; i < kImages; ++i) order[i] = shuffle ? permutation(i) : i;
    std::vector<Series> series = {{"loader", {}}, {"gather", {}}};
    std::vector<Series> difference = {{"loader_less_gather", {}}};
    for (int run = -1; run < kRuns; ++run) {
      loader->seek(run + 1, 0);
      const double by_loader = seconds_of([&] {
        while (loader->next()) {
        }
      });
      const double by_gather = seconds_of([&] {
        for (int64_t b = 0; b < kBatches; ++b) {
          gather_rows(rows, absl::MakeConstSpan(order).subspan(b * kBatchSize, kBatchSize));
        }
      });
      if (run < 0) continue;
      series[0].values.push_back(by_loader / kBatches * 1e6);
      series[1].values.push_back(by_gather / kBatches * 1e6);
      difference[0].values.push_back((by_loader - by_gather) / kBatches * 1e6);
    }
    const std::string name = shuffle ? "batch_in_memory_shuffled" : "batch_in_memory";
    print_report("dataloader", name, "us", series);
    print_report("dataloader", name + "_overhead", "us", difference);
  }
}

int run(const std::vector<std::string>& chosen) {
  at::set_num_threads(1);
  const auto wants = [&](absl::string_view name) {
    return chosen.empty() || std::find(chosen.begin(), chosen.end(), name) != chosen.end();
  };
  if (wants("crop_flip_norm_w0") || wants("crop_flip_norm_w2") || wants("start_to_first_batch")) {
    const TemporaryFolder folder;
    const auto images = std::make_shared<const SmallImages>(make_small_images(kImages));
    write_cifar10(folder.path(), *images);
    if (wants("crop_flip_norm_w0")) crop_flip_norm(folder, images, 0);
    if (wants("crop_flip_norm_w2")) crop_flip_norm(folder, images, 2);
    if (wants("start_to_first_batch")) start(folder);
  }
  if (wants("jpeg")) jpeg_folder();
  if (wants("seek_1e9")) seek();
  if (wants("batch_in_memory")) overhead();
  return 0;
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  const std::vector<std::string> cases = {
      "crop_flip_norm_w0", "crop_flip_norm_w2", "start_to_first_batch", "jpeg",
      "seek_1e9",          "batch_in_memory"};
  const std::vector<std::string> chosen(argv + 1, argv + argc);
  for (const std::string& name : chosen) {
    if (std::find(cases.begin(), cases.end(), name) != cases.end()) continue;
    std::fprintf(stderr, "dataloader: there is no case %s; there are", name.c_str());
    for (const std::string& known : cases) std::fprintf(stderr, " %s", known.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  return composer::benchmarks::run(chosen);
}
