#include "composer/data/transforms/color_jitter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/transforms/color.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {
namespace {

double draw_factor(double amount, CounterRandom& random) {
  return random.uniform(std::max(0.0, 1 - amount), 1 + amount);
}

}  // namespace

absl::StatusOr<std::shared_ptr<ColorJitter>> ColorJitter::create(const Config& config) {
  for (const auto& [field, amount] :
       {std::pair("brightness", config.brightness()), std::pair("contrast", config.contrast()),
        std::pair("saturation", config.saturation())}) {
    if (!(amount >= 0) || !std::isfinite(amount)) {
      return field_error(field, absl::StrCat(field, " is ", amount, "; expected 0 or more"));
    }
  }
  if (!(config.hue() >= 0 && config.hue() <= 0.5)) {
    return field_error("hue", absl::StrCat("hue is ", config.hue(), "; expected 0 to 0.5"));
  }
  return std::shared_ptr<ColorJitter>(new ColorJitter(config));
}

ColorJitter::ColorJitter(const Config& config)
    : brightness_(config.brightness()),
      contrast_(config.contrast()),
      saturation_(config.saturation()),
      hue_(config.hue()) {}

void ColorJitter::apply(LazyImage& image, CounterRandom& random) const {
  if (image.channels() != 1 && image.channels() != 3) {
    throw_if_error(absl::InvalidArgumentError(
        absl::StrCat("color_jitter: the image has ", image.channels(),
                     " channels; colours can be changed in grey images (1) and RGB (3)")));
  }
  std::array<int, 4> order = {0, 1, 2, 3};
  for (size_t i = order.size() - 1; i > 0; --i) {
    std::swap(order[i], order[random.below(static_cast<int64_t>(i) + 1)]);
  }
  const double brightness = draw_factor(brightness_, random);
  const double contrast = draw_factor(contrast_, random);
  const double saturation = draw_factor(saturation_, random);
  const double hue = random.uniform(-hue_, hue_);
  const MutableImageView pixels = image.mutable_pixels();
  for (const int step : order) {
    if (step == 0 && brightness_ > 0) adjust_brightness(pixels, brightness);
    if (step == 1 && contrast_ > 0) adjust_contrast(pixels, contrast);
    if (step == 2 && saturation_ > 0) adjust_saturation(pixels, saturation);
    if (step == 3 && hue_ > 0) adjust_hue(pixels, hue);
  }
}

COMPOSER_REGISTER(ImageTransform, ColorJitter);

}  // namespace composer
