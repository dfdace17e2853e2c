#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/data/image_dataset.h"
#include "composer/data/transforms/image_batch_maker.h"

namespace composer {

/// Images of random bytes, in memory or as if decoded, with their index as `target`.
class RandomImages final : public ImageDataset {
 public:
  struct Options {
    int64_t count = 10;
    int64_t channels = 3;
    int64_t height = 12;
    int64_t width = 10;
    /// Given in the caller's storage and interleaved, as decoders do.
    bool decoded = false;
    /// Rows that each image has more than the one before.
    int64_t growth = 0;
  };

  explicit RandomImages(const Options& options);

  int64_t size() const override { return options_.count; }
  ImageView image(int64_t index, std::vector<uint8_t>& storage) const override;
  Batch companions(absl::Span<const int64_t> indices) const override;
  const ChannelStatistics& statistics() const override { return statistics_; }
  std::string name() const override { return "random images"; }

  /// Byte [channels, height, width].
  at::Tensor bytes(int64_t index) const;

 private:
  const Options options_;
  ChannelStatistics statistics_;
  std::vector<std::vector<uint8_t>> images_;
};

/// Through transforms that are listed as in a loader's config: "transforms { random_crop { size: 8
/// }
/// }".
absl::StatusOr<std::shared_ptr<const BatchMaker>> make_batches(
    std::shared_ptr<const Dataset> dataset, const std::string& transforms,
    const ImageBatchOptions& options = {});

}  // namespace composer
