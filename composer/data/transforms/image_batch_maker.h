#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/batch_maker.h"
#include "composer/data/image_batch.h"
#include "composer/data/image_dataset.h"
#include "composer/data/transforms/image_pipeline.h"
#include "composer/data/workers/recycled_memory.h"

namespace composer {

struct ImageBatchOptions {
  /// What is random in a sample is a function of (seed, epoch, index).
  uint64_t seed = 0;
  /// Lays images out with channels fastest; the shape stays [batch, channels, height, width].
  bool channels_last = false;
};

/// Batches of a dataset's images, transformed. Samples of a batch must come out in one size.
class ImageBatchMaker final : public BatchMaker {
 public:
  /// Errors are those of ImagePipeline::create.
  static absl::StatusOr<std::shared_ptr<const ImageBatchMaker>> create(
      std::shared_ptr<const ImageDataset> dataset,
      const std::vector<std::shared_ptr<const ImageTransform>>& transforms,
      const ImageBatchOptions& options);

  /// The same with one more transform of bytes, the last of them. Errors are those of `create`.
  absl::StatusOr<std::shared_ptr<const ImageBatchMaker>> with(
      std::shared_ptr<const ByteTransform> transform) const;
  /// Whether this very object is among the transforms.
  bool has(const ImageTransform& transform) const;

  int64_t size() const override { return dataset_->size(); }
  Batch make(absl::Span<const int64_t> indices, int64_t epoch) const override;
  std::string name() const override { return dataset_->name(); }
  std::optional<double> nanoseconds_per_sample() const override;

 private:
  ImageBatchMaker(std::shared_ptr<const ImageDataset> dataset,
                  const std::vector<std::shared_ptr<const ImageTransform>>& transforms,
                  ImagePipeline pipeline, const ImageBatchOptions& options);

  std::unique_ptr<ImageBatchScratch> take_scratch() const;

  const std::shared_ptr<const ImageDataset> dataset_;
  const std::vector<std::shared_ptr<const ImageTransform>> transforms_;
  const ImagePipeline pipeline_;
  const ImageBatchOptions options_;
  const RecycledMemory memory_;

  mutable std::mutex mutex_;
  // Of the calls that are over: as many as were ever made at once.
  mutable std::vector<std::unique_ptr<ImageBatchScratch>> idle_;
};

}  // namespace composer
