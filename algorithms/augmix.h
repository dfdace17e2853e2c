#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"
#include "composer/data/transforms/augmix.h"

namespace composer {

/// Mixes each training image with copies that went through chains of random operations (Hendrycks
/// et al., 2019, arXiv:1912.02781). The function is augmix_image.
///
/// fit_start adds a AugMixTransform to the training loader, after its other transforms of bytes, as
/// if its config named `transforms { augmix {} }` there; it is added once, and stays. What an image
/// draws is a function of the loader's seed, the epoch and the image alone, so that workers, ranks
/// and interruptions change nothing. Other loaders, and so evaluation, are left alone. A loader
/// whose samples are no images is an error.
///
/// Differs from Composer: see draw_augmentations.
class AugMix final : public Algorithm {
 public:
  using Config = config::AugMix;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit AugMix(const AugMixOptions& options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const std::shared_ptr<const AugMixTransform> transform_;
};

}  // namespace composer
