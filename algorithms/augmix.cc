#include "algorithms/augmix.h"

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/data/image_loader.h"
#include "proto/transform.pb.h"

namespace composer {

absl::StatusOr<std::unique_ptr<Algorithm>> AugMix::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(const auto transform, AugMixTransform::create(config));
  return std::make_unique<AugMix>(transform->options());
}

AugMix::AugMix(const AugMixOptions& options)
    : transform_(std::make_shared<AugMixTransform>(options)) {}

AlgorithmTraits AugMix::traits() const {
  return {.events = {Event::kFitStart}, .paper = "Hendrycks et al., 2019, arXiv:1912.02781"};
}

bool AugMix::match(Event event, const State& state) const { return event == Event::kFitStart; }

void AugMix::apply(Event event, State& state, Logger& logger) {
  throw_if_error(add_transform(*state.train_dataloader, transform_));
}

COMPOSER_REGISTER(Algorithm, AugMix);

}  // namespace composer
