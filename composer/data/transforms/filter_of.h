#pragma once

#include "composer/data/transforms/resample_weights.h"
#include "proto/transform.pb.h"

namespace composer {

inline ResampleFilter filter_of(config::Interpolation interpolation) {
  switch (interpolation) {
    case config::NEAREST:
      return ResampleFilter::kNearest;
    case config::BILINEAR:
      return ResampleFilter::kBilinear;
    case config::BICUBIC:
      return ResampleFilter::kBicubic;
  }
  return ResampleFilter::kBilinear;
}

}  // namespace composer
