#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "composer/data/transforms/augmentation.h"
#include "composer/data/transforms/image_transform.h"

namespace composer {

namespace config {
class AugMix;
}

struct AugMixOptions {
  /// How strong operations may get, 0 to 10.
  double severity = 3;
  /// How many operations follow one another in a chain; -1 draws 1, 2 or 3 for each.
  int64_t depth = -1;
  /// How many chains are mixed.
  int64_t width = 3;
  /// Of the distributions that weights are drawn from.
  double alpha = 1;
  AugmentationSet augmentation_set = AugmentationSet::kAll;
};

/// What is drawn for an image.
struct AugMixDraws {
  struct Chain {
    float weight;
    AugmentationChain augmentations;
  };
  /// Their weights add up to 1.
  absl::InlinedVector<Chain, 4> chains;
  /// What the mixture of the chains counts; the image counts the rest of 1.
  float mixing_weight;
};

/// Puts copies of an image through the chains, and mixes them with each other and the image.
void augmix_image(LazyImage& image, const AugMixDraws& draws);

/// Weights of the chains are from the symmetric Dirichlet distribution, that of the mixture is from
/// Beta(alpha, alpha).
AugMixDraws draw_augmix(const AugMixOptions& options, int64_t height, int64_t width,
                        CounterRandom& random);

/// AugMix (Hendrycks et al., 2019, arXiv:1912.02781): the mixtures, drawn for each image; without
/// the loss of consistency, which Composer leaves out too. See draw_augmentations for what
/// differs from Composer; and a depth of 0, which Composer takes as -1, is refused.
class AugMixTransform final : public ByteTransform {
 public:
  using Config = config::AugMix;

  /// Errors are about "severity", "depth", "width" or "alpha".
  static absl::StatusOr<std::shared_ptr<AugMixTransform>> create(const Config& config);

  /// Throws where `create` fails.
  explicit AugMixTransform(const AugMixOptions& options = {});

  absl::string_view name() const override { return "augmix"; }
  /// Throws for images that are neither grey nor RGB.
  void apply(LazyImage& image, CounterRandom& random) const override;

  const AugMixOptions& options() const { return options_; }

 private:
  const AugMixOptions options_;
};

}  // namespace composer
