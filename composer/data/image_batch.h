#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "composer/core/tensor_dict.h"
#include "composer/data/image_dataset.h"
#include "composer/data/transforms/image_pipeline.h"
#include "composer/data/workers/recycled_memory.h"

namespace composer {

/// Memory that batches of images are made in, for one thread at a time.
struct ImageBatchScratch {
  /// Of the image that is worked on and of the next one.
  std::array<std::vector<uint8_t>, 2> decoded;
  ImageScratch transforms;
};

/// The samples through `pipeline`: `input` float [N, channels, height, width], channels-last in
/// memory when so asked and its memory from `memory`, and what belongs to the images. What is
/// random in a sample is a function of (seed, epoch, index). Throws, with the sample in the
/// message, when one cannot be read or its size is not that of the first. Empty without indices.
Batch make_image_batch(const ImageDataset& dataset, const ImagePipeline& pipeline,
                       absl::Span<const int64_t> indices, uint64_t seed, int64_t epoch,
                       bool channels_last, ImageBatchScratch& scratch,
                       const RecycledMemory& memory);

}  // namespace composer
