#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "composer/base/counter_random.h"

namespace composer {

/// Part of an image, in pixels.
struct ImageWindow {
  int64_t top = 0;
  int64_t left = 0;
  int64_t height = 0;
  int64_t width = 0;
};

/// What windows are drawn from: the area as a part of the image's, uniform, and the ratio of two
/// sides, uniform in its logarithm.
struct WindowBounds {
  double scale_min = 0;
  double scale_max = 1;
  double ratio_min = 1;
  double ratio_max = 1;
};

/// Errors are about "scale_min", "scale_max", "ratio_min" or "ratio_max".
absl::Status check_bounds(const WindowBounds& bounds);

/// torchvision's RandomResizedCrop: the ratio is width over height; of ten draws the first that
/// fits into the image, else the largest window in its middle whose ratio is within the bounds.
ImageWindow draw_crop_window(int64_t height, int64_t width, const WindowBounds& bounds,
                             CounterRandom& random);

/// torchvision's RandomErasing: the ratio is height over width; of ten draws the first that is
/// smaller than the image on both sides, else none.
std::optional<ImageWindow> draw_erased_window(int64_t height, int64_t width,
                                              const WindowBounds& bounds, CounterRandom& random);

}  // namespace composer
