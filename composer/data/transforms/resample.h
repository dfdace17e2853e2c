#pragma once

#include <cstdint>
#include <vector>

#include "composer/data/image.h"
#include "composer/data/transforms/resample_weights.h"

namespace composer {

/// Memory for `resample`, reused from call to call.
struct ResampleScratch {
  ResampleWeights horizontal;
  ResampleWeights vertical;
  std::vector<uint8_t> rows;
  std::vector<int64_t> columns;
};

/// Makes an image of another size: first its rows, then its columns, rounded to bytes after each,
/// as torchvision.transforms.v2 does for tensors of bytes. REQUIRES: no size is 0, `in` and `out`
/// have the same channels and do not overlap, and `out` is planar_image or interleaved_image.
void resample(const ImageView& in, const MutableImageView& out, ResampleFilter filter,
              bool antialias, ResampleScratch& scratch);

}  // namespace composer
