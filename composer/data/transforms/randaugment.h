#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/transforms/augmentation.h"
#include "composer/data/transforms/image_transform.h"

namespace composer {

namespace config {
class RandAugment;
}

struct RandAugmentOptions {
  /// How strong operations may get, 0 to 10.
  double severity = 9;
  /// How many operations follow one another.
  int64_t depth = 2;
  AugmentationSet augmentation_set = AugmentationSet::kAll;
};

/// Puts an image through the drawn operations.
void randaugment_image(LazyImage& image, const AugmentationChain& drawn);

/// RandAugment (Cubuk et al., 2019, arXiv:1909.13719) as Composer has it: `depth` operations, drawn
/// for each image; see draw_augmentations for how, and for what differs from Composer.
class RandAugmentTransform final : public ByteTransform {
 public:
  using Config = config::RandAugment;

  /// Errors are about "severity" or "depth".
  static absl::StatusOr<std::shared_ptr<RandAugmentTransform>> create(const Config& config);

  /// Throws where `create` fails.
  explicit RandAugmentTransform(const RandAugmentOptions& options = {});

  absl::string_view name() const override { return "randaugment"; }
  /// Throws for images that are neither grey nor RGB.
  void apply(LazyImage& image, CounterRandom& random) const override;

  const RandAugmentOptions& options() const { return options_; }

 private:
  const RandAugmentOptions options_;
};

}  // namespace composer
