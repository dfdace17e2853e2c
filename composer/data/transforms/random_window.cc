#include "composer/data/transforms/random_window.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
namespace {

constexpr int kTries = 10;

int64_t rounded(double x) { return static_cast<int64_t>(std::nearbyint(x)); }

struct Sides {
  int64_t first;
  int64_t second;
};

// Two sides, the ratio being that of the first to the second.
Sides draw_sides(int64_t height, int64_t width, const WindowBounds& bounds, CounterRandom& random) {
  const double area =
      static_cast<double>(height * width) * random.uniform(bounds.scale_min, bounds.scale_max);
  const double ratio =
      std::exp(random.uniform(std::log(bounds.ratio_min), std::log(bounds.ratio_max)));
  return {rounded(std::sqrt(area * ratio)), rounded(std::sqrt(area / ratio))};
}

}  // namespace

absl::Status check_bounds(const WindowBounds& bounds) {
  if (!(bounds.scale_min > 0 && bounds.scale_min <= 1)) {
    return field_error("scale_min", absl::StrCat("scale_min is ", bounds.scale_min,
                                                 "; it must be above 0 and at most 1"));
  }
  if (!(bounds.scale_max >= bounds.scale_min && bounds.scale_max <= 1)) {
    return field_error("scale_max",
                       absl::StrCat("scale_max is ", bounds.scale_max, "; expected scale_min (",
                                    bounds.scale_min, ") to 1"));
  }
  if (!(bounds.ratio_min > 0 && std::isfinite(bounds.ratio_min))) {
    return field_error("ratio_min",
                       absl::StrCat("ratio_min is ", bounds.ratio_min, "; it must be above 0"));
  }
  if (!(bounds.ratio_max >= bounds.ratio_min && std::isfinite(bounds.ratio_max))) {
    return field_error("ratio_max",
                       absl::StrCat("ratio_max is ", bounds.ratio_max, "; expected ratio_min (",
                                    bounds.ratio_min, ") or more"));
  }
  return absl::OkStatus();
}

ImageWindow draw_crop_window(int64_t height, int64_t width, const WindowBounds& bounds,
                             CounterRandom& random) {
  for (int i = 0; i < kTries; ++i) {
    const auto [w, h] = draw_sides(height, width, bounds, random);
    if (w < 1 || w > width || h < 1 || h > height) continue;
    const int64_t top = random.below(height - h + 1);
    const int64_t left = random.below(width - w + 1);
    return {top, left, h, w};
  }
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  int64_t h = height;
  int64_t w = width;
  if (ratio < bounds.ratio_min) {
    h = rounded(static_cast<double>(w) / bounds.ratio_min);
  } else if (ratio > bounds.ratio_max) {
    w = rounded(static_cast<double>(h) * bounds.ratio_max);
  }
  // Where torchvision would crop nothing: a side of a pixel and extreme bounds.
  h = std::max<int64_t>(h, 1);
  w = std::max<int64_t>(w, 1);
  return {(height - h) / 2, (width - w) / 2, h, w};
}

std::optional<ImageWindow> draw_erased_window(int64_t height, int64_t width,
                                              const WindowBounds& bounds, CounterRandom& random) {
  for (int i = 0; i < kTries; ++i) {
    const auto [h, w] = draw_sides(height, width, bounds, random);
    if (h >= height || w >= width) continue;
    const int64_t top = random.below(height - h + 1);
    const int64_t left = random.below(width - w + 1);
    return ImageWindow{top, left, h, w};
  }
  return std::nullopt;
}

}  // namespace composer
