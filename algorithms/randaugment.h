#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"
#include "composer/data/transforms/randaugment.h"

namespace composer {

/// Puts each training image through random operations (Cubuk et al., 2019, arXiv:1909.13719).
/// The function is randaugment_image.
///
/// fit_start adds a RandAugmentTransform to the training loader, after its other transforms of
/// bytes, as if its config named `transforms { randaugment {} }` there; it is added once, and
/// stays. What an image draws is a function of the loader's seed, the epoch and the image alone, so
/// that workers, ranks and interruptions change nothing. Other loaders, and so evaluation, are left
/// alone. A loader whose samples are no images is an error.
///
/// Differs from Composer: see draw_augmentations.
class RandAugment final : public Algorithm {
 public:
  using Config = config::RandAugment;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit RandAugment(const RandAugmentOptions& options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const std::shared_ptr<const RandAugmentTransform> transform_;
};

}  // namespace composer
