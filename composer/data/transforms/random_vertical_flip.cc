#include "composer/data/transforms/random_vertical_flip.h"

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {

absl::StatusOr<std::shared_ptr<RandomVerticalFlip>> RandomVerticalFlip::create(
    const Config& config) {
  if (!(config.p() >= 0 && config.p() <= 1)) {
    return field_error("p", absl::StrCat("p is ", config.p(), "; expected 0 to 1"));
  }
  return std::shared_ptr<RandomVerticalFlip>(new RandomVerticalFlip(config.p()));
}

void RandomVerticalFlip::apply(LazyImage& image, CounterRandom& random) const {
  if (random.chance(p_)) image.flip_vertically();
}

COMPOSER_REGISTER(ImageTransform, RandomVerticalFlip);

}  // namespace composer
