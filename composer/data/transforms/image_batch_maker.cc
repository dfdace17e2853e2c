#include "composer/data/transforms/image_batch_maker.h"

#include <algorithm>
#include <utility>

#include "composer/base/status.h"
#include "composer/data/sample_cost.h"

namespace composer {

absl::StatusOr<std::shared_ptr<const ImageBatchMaker>> ImageBatchMaker::create(
    std::shared_ptr<const ImageDataset> dataset,
    const std::vector<std::shared_ptr<const ImageTransform>>& transforms,
    const ImageBatchOptions& options) {
  COMPOSER_ASSIGN_OR_RETURN(ImagePipeline pipeline,
                            ImagePipeline::create(transforms, dataset->statistics()));
  return std::shared_ptr<const ImageBatchMaker>(
      new ImageBatchMaker(std::move(dataset), transforms, std::move(pipeline), options));
}

ImageBatchMaker::ImageBatchMaker(
    std::shared_ptr<const ImageDataset> dataset,
    const std::vector<std::shared_ptr<const ImageTransform>>& transforms, ImagePipeline pipeline,
    const ImageBatchOptions& options)
    : dataset_(std::move(dataset)),
      transforms_(transforms),
      pipeline_(std::move(pipeline)),
      options_(options) {}

absl::StatusOr<std::shared_ptr<const ImageBatchMaker>> ImageBatchMaker::with(
    std::shared_ptr<const ByteTransform> transform) const {
  std::vector<std::shared_ptr<const ImageTransform>> transforms = transforms_;
  const auto end_of_bytes = std::find_if(
      transforms.begin(), transforms.end(),
      [](const auto& other) { return dynamic_cast<const ByteTransform*>(other.get()) == nullptr; });
  transforms.insert(end_of_bytes, std::move(transform));
  return create(dataset_, transforms, options_);
}

bool ImageBatchMaker::has(const ImageTransform& transform) const {
  return std::any_of(transforms_.begin(), transforms_.end(),
                     [&](const auto& other) { return other.get() == &transform; });
}

std::optional<double> ImageBatchMaker::nanoseconds_per_sample() const {
  return composer::nanoseconds_per_sample(*dataset_, !transforms_.empty());
}

std::unique_ptr<ImageBatchScratch> ImageBatchMaker::take_scratch() const {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<ImageBatchScratch>();
  std::unique_ptr<ImageBatchScratch> scratch = std::move(idle_.back());
  idle_.pop_back();
  return scratch;
}

Batch ImageBatchMaker::make(absl::Span<const int64_t> indices, int64_t epoch) const {
  std::unique_ptr<ImageBatchScratch> scratch = take_scratch();
  Batch batch = make_image_batch(*dataset_, pipeline_, indices, options_.seed, epoch,
                                 options_.channels_last, *scratch, memory_);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(scratch));
  return batch;
}

}  // namespace composer
