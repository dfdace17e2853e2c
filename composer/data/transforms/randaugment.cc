#include "composer/data/transforms/randaugment.h"

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/transforms/augmentation_settings.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {

void randaugment_image(LazyImage& image, const AugmentationChain& drawn) {
  for (const DrawnAugmentation& augmentation : drawn) augment(image, augmentation);
}

absl::StatusOr<std::shared_ptr<RandAugmentTransform>> RandAugmentTransform::create(
    const Config& config) {
  return try_make<RandAugmentTransform>(
      RandAugmentOptions{.severity = config.severity(),
                         .depth = config.depth(),
                         .augmentation_set = augmentation_set_of(config.augmentation_set())});
}

RandAugmentTransform::RandAugmentTransform(const RandAugmentOptions& options) : options_(options) {
  throw_if_error(check_severity(options.severity));
  if (options.depth < 0) {
    throw_if_error(field_error(
        "depth", absl::StrCat("depth is ", options.depth, "; expected 0 or more operations")));
  }
}

void RandAugmentTransform::apply(LazyImage& image, CounterRandom& random) const {
  check_augmentable(name(), image);
  randaugment_image(image,
                    draw_augmentations(options_.augmentation_set, options_.severity, options_.depth,
                                       image.height(), image.width(), random));
}

COMPOSER_REGISTER(ImageTransform, RandAugmentTransform);

}  // namespace composer
