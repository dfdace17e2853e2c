#include "composer/data/transforms/augmix.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/dirichlet.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/transforms/augmentation_settings.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {
namespace {

// Calls `act(byte, i)` with the bytes in one order, whatever theirs is in memory.
template <typename View, typename Act>
void for_each(const View& image, Act act) {
  int64_t i = 0;
  for (int64_t c = 0; c < image.channels; ++c) {
    for (int64_t y = 0; y < image.height; ++y) {
      auto* byte = image.data + c * image.channel_stride + y * image.row_stride;
      for (int64_t x = 0; x < image.width; ++x, byte += image.column_stride) act(*byte, i++);
    }
  }
}

}  // namespace

void augmix_image(LazyImage& image, const AugMixDraws& draws) {
  ImageScratch& scratch = image.scratch();
  if (scratch.branch == nullptr) scratch.branch = std::make_unique<ImageScratch>();
  const ImageView original = image.pixels();
  std::vector<float>& mixture = scratch.mixture;
  mixture.assign(original.channels * original.height * original.width, 0);
  for (const AugMixDraws::Chain& chain : draws.chains) {
    LazyImage copy(original, *scratch.branch);
    for (const DrawnAugmentation& augmentation : chain.augmentations) augment(copy, augmentation);
    for_each(copy.pixels(), [&](uint8_t byte, int64_t i) {
      mixture[i] += chain.weight * static_cast<float>(byte);
    });
  }
  const float mixed = draws.mixing_weight, stays = 1 - mixed;
  for_each(image.mutable_pixels(), [&](uint8_t& byte, int64_t i) {
    byte = static_cast<uint8_t>(stays * static_cast<float>(byte) + mixed * mixture[i]);
  });
}

AugMixDraws draw_augmix(const AugMixOptions& options, int64_t height, int64_t width,
                        CounterRandom& random) {
  absl::InlinedVector<double, 4> weights(options.width);
  draw_dirichlet(options.alpha, absl::MakeSpan(weights), random);
  AugMixDraws draws;
  for (const double weight : weights) {
    const int64_t depth = options.depth > 0 ? options.depth : 1 + random.below(3);
    draws.chains.push_back(
        {static_cast<float>(weight), draw_augmentations(options.augmentation_set, options.severity,
                                                        depth, height, width, random)});
  }
  double beta[2];
  draw_dirichlet(options.alpha, beta, random);
  draws.mixing_weight = static_cast<float>(beta[0]);
  return draws;
}

absl::StatusOr<std::shared_ptr<AugMixTransform>> AugMixTransform::create(const Config& config) {
  return try_make<AugMixTransform>(
      AugMixOptions{.severity = config.severity(),
                    .depth = config.depth(),
                    .width = config.width(),
                    .alpha = config.alpha(),
                    .augmentation_set = augmentation_set_of(config.augmentation_set())});
}

AugMixTransform::AugMixTransform(const AugMixOptions& options) : options_(options) {
  throw_if_error(check_severity(options.severity));
  if (options.depth < 1 && options.depth != -1) {
    throw_if_error(field_error(
        "depth", absl::StrCat("depth is ", options.depth,
                              "; expected 1 operation or more, or -1 for 1 to 3 at random")));
  }
  if (options.width < 1) {
    throw_if_error(field_error(
        "width", absl::StrCat("width is ", options.width, "; expected 1 chain or more")));
  }
  if (!(options.alpha > 0) || !std::isfinite(options.alpha)) {
    throw_if_error(field_error(
        "alpha", absl::StrCat("alpha is ", options.alpha, "; expected a number above 0")));
  }
}

void AugMixTransform::apply(LazyImage& image, CounterRandom& random) const {
  check_augmentable(name(), image);
  augmix_image(image, draw_augmix(options_, image.height(), image.width(), random));
}

COMPOSER_REGISTER(ImageTransform, AugMixTransform);

}  // namespace composer
