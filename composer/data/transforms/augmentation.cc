#include "composer/data/transforms/augmentation.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/data/transforms/affine.h"
#include "composer/data/transforms/color.h"
#include "composer/data/transforms/tone.h"

namespace composer {
namespace {

bool goes_two_ways(Augmentation augmentation) {
  switch (augmentation) {
    case Augmentation::kRotate:
    case Augmentation::kShearX:
    case Augmentation::kShearY:
    case Augmentation::kTranslateX:
    case Augmentation::kTranslateY:
      return true;
    default:
      return false;
  }
}

double draw_factor(Augmentation augmentation, double severity, CounterRandom& random) {
  if (random.chance(0.5)) return random.uniform(1 - 0.09 * severity, 1);
  const double increase = random.uniform(0, std::max(severity - 1, 0.0));
  return 1 + (augmentation == Augmentation::kBrightness ? 0.75 : 1) * increase;
}

}  // namespace

void augment(LazyImage& image, const DrawnAugmentation& drawn) {
  const double amount = drawn.amount;
  switch (drawn.augmentation) {
    case Augmentation::kAutocontrast:
      return autocontrast(image.mutable_pixels());
    case Augmentation::kEqualize:
      return equalize(image.mutable_pixels());
    case Augmentation::kPosterize:
      return posterize(image.mutable_pixels(), static_cast<int>(amount));
    case Augmentation::kRotate:
      return transform_affinely(image, rotation(amount, image.height(), image.width()));
    case Augmentation::kSolarize:
      return solarize(image.mutable_pixels(), static_cast<int>(amount));
    case Augmentation::kShearX:
      return transform_affinely(image, {1, amount, 0, 0, 1, 0});
    case Augmentation::kShearY:
      return transform_affinely(image, {1, 0, 0, amount, 1, 0});
    case Augmentation::kTranslateX:
      return transform_affinely(image, {1, 0, amount, 0, 1, 0});
    case Augmentation::kTranslateY:
      return transform_affinely(image, {1, 0, 0, 0, 1, amount});
    case Augmentation::kColor:
      return enhance_color(image.mutable_pixels(), amount);
    case Augmentation::kContrast:
      return enhance_contrast(image.mutable_pixels(), amount);
    case Augmentation::kBrightness:
      return adjust_brightness(image.mutable_pixels(), amount);
    case Augmentation::kSharpness:
      return enhance_sharpness(image, amount);
  }
}

double amount_at(Augmentation augmentation, double level, int64_t height, int64_t width) {
  // In the order of Composer's operations, so that what is cut off is the same.
  const auto part_of = [&](double most) { return level * most / 10; };
  switch (augmentation) {
    case Augmentation::kAutocontrast:
    case Augmentation::kEqualize:
      return 0;
    case Augmentation::kPosterize:
      return 4 - std::floor(part_of(4));
    case Augmentation::kRotate:
      return std::floor(part_of(30));
    case Augmentation::kSolarize:
      return 256 - std::floor(part_of(256));
    case Augmentation::kShearX:
    case Augmentation::kShearY:
      return part_of(0.3);
    case Augmentation::kTranslateX:
      return std::floor(part_of(static_cast<double>(width) / 3));
    case Augmentation::kTranslateY:
      return std::floor(part_of(static_cast<double>(height) / 3));
    default:
      return part_of(1.8) + 0.1;
  }
}

AugmentationChain draw_augmentations(AugmentationSet set, double severity, int64_t depth,
                                     int64_t height, int64_t width, CounterRandom& random) {
  const auto all = static_cast<int64_t>(Augmentation::kSharpness) + 1;
  const auto safe = static_cast<int64_t>(Augmentation::kColor);
  AugmentationChain chain;
  for (int64_t i = 0; i < depth; ++i) {
    const auto augmentation =
        static_cast<Augmentation>(random.below(set == AugmentationSet::kSafe ? safe : all));
    if (set == AugmentationSet::kAll && augmentation >= Augmentation::kColor) {
      chain.push_back({augmentation, draw_factor(augmentation, severity, random)});
      continue;
    }
    const double level = random.uniform(std::min(0.1, severity), severity);
    double amount = amount_at(augmentation, level, height, width);
    if (goes_two_ways(augmentation) && random.chance(0.5)) amount = -amount;
    chain.push_back({augmentation, amount});
  }
  return chain;
}

void check_augmentable(absl::string_view transform, const LazyImage& image) {
  if (image.channels() == 1 || image.channels() == 3) return;
  throw_if_error(absl::InvalidArgumentError(
      absl::StrCat(transform, ": the image has ", image.channels(),
                   " channels; grey images (1) and RGB (3) can be augmented")));
}

}  // namespace composer
