#include "tests/data/transforms/image_fixtures.h"

#include <ATen/ATen.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "composer/base/random.h"
#include "composer/data/transforms/from_config.h"
#include "proto/data.pb.h"

namespace composer {

RandomImages::RandomImages(const Options& options) : options_(options) {
  for (int64_t c = 0; c < options.channels; ++c) {
    statistics_.mean.push_back(0.5 - 0.03 * static_cast<double>(c));
    statistics_.std.push_back(0.2 + 0.01 * static_cast<double>(c));
  }
  for (int64_t i = 0; i < options.count; ++i) {
    const int64_t height = options.height + i * options.growth;
    std::vector<uint8_t>& image = images_.emplace_back(options.channels * height * options.width);
    for (size_t k = 0; k < image.size(); ++k) {
      image[k] = static_cast<uint8_t>(mix_seed({static_cast<uint64_t>(i), k}));
    }
  }
}

ImageView RandomImages::image(int64_t index, std::vector<uint8_t>& storage) const {
  const int64_t height = options_.height + index * options_.growth;
  const ImageView planar =
      planar_image(images_[index].data(), options_.channels, height, options_.width);
  if (!options_.decoded) return planar;
  storage.resize(images_[index].size());
  size_t next = 0;
  for (int64_t pixel = 0; pixel < height * options_.width; ++pixel) {
    for (int64_t c = 0; c < options_.channels; ++c) {
      storage[next++] = planar.data[c * planar.channel_stride + pixel];
    }
  }
  return interleaved_image(storage.data(), options_.channels, height, options_.width);
}

Batch RandomImages::companions(absl::Span<const int64_t> indices) const {
  at::Tensor target = at::empty({static_cast<int64_t>(indices.size())}, at::kLong);
  std::copy(indices.begin(), indices.end(), target.mutable_data_ptr<int64_t>());
  return {{"target", target}};
}

at::Tensor RandomImages::bytes(int64_t index) const {
  const int64_t height = options_.height + index * options_.growth;
  return at::tensor(at::ArrayRef<uint8_t>(images_[index]), at::kByte)
      .view({options_.channels, height, options_.width});
}

absl::StatusOr<std::shared_ptr<const BatchMaker>> make_batches(
    std::shared_ptr<const Dataset> dataset, const std::string& transforms,
    const ImageBatchOptions& options) {
  config::DataLoader config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(transforms, &config)) << transforms;
  return build_image_batch_maker(std::move(dataset), config.transforms(), options);
}

}  // namespace composer
