#include "composer/data/transforms/random_erasing.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {
namespace {

template <typename Value>
void write(const FloatImage& image, const ImageWindow& window, Value value) {
  for (int64_t c = 0; c < image.channels; ++c) {
    for (int64_t y = 0; y < window.height; ++y) {
      float* row = image.data + c * image.channel_stride + (window.top + y) * image.row_stride +
                   window.left * image.column_stride;
      for (int64_t x = 0; x < window.width; ++x) row[x * image.column_stride] = value();
    }
  }
}

}  // namespace

void erase(const FloatImage& image, const ImageWindow& window, float value) {
  write(image, window, [&] { return value; });
}

void erase_with_noise(const FloatImage& image, const ImageWindow& window, CounterRandom& random) {
  write(image, window, [&] { return static_cast<float>(random.normal()); });
}

absl::StatusOr<std::shared_ptr<RandomErasing>> RandomErasing::create(const Config& config) {
  if (!(config.p() >= 0 && config.p() <= 1)) {
    return field_error("p", absl::StrCat("p is ", config.p(), "; expected 0 to 1"));
  }
  const WindowBounds bounds{
      .scale_min = config.scale_min(),
      .scale_max = config.scale_max(),
      .ratio_min = config.ratio_min(),
      .ratio_max = config.ratio_max(),
  };
  COMPOSER_RETURN_IF_ERROR(check_bounds(bounds));
  if (!std::isfinite(config.value())) {
    return field_error("value", absl::StrCat("value is ", config.value(), "; it must be finite"));
  }
  if (config.random() && config.has_value()) {
    return field_error("value", "value is what is written where random is false; set one of them");
  }
  return std::shared_ptr<RandomErasing>(new RandomErasing(config, bounds));
}

RandomErasing::RandomErasing(const Config& config, const WindowBounds& bounds)
    : p_(config.p()),
      bounds_(bounds),
      value_(static_cast<float>(config.value())),
      noise_(config.random()) {}

void RandomErasing::apply(const FloatImage& image, CounterRandom& random) const {
  if (!random.chance(p_)) return;
  const auto window = draw_erased_window(image.height, image.width, bounds_, random);
  if (!window.has_value()) return;
  if (noise_) {
    erase_with_noise(image, *window, random);
  } else {
    erase(image, *window, value_);
  }
}

COMPOSER_REGISTER(ImageTransform, RandomErasing);

}  // namespace composer
