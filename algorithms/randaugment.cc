#include "algorithms/randaugment.h"

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/data/image_loader.h"
#include "proto/transform.pb.h"

namespace composer {

absl::StatusOr<std::unique_ptr<Algorithm>> RandAugment::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(const auto transform, RandAugmentTransform::create(config));
  return std::make_unique<RandAugment>(transform->options());
}

RandAugment::RandAugment(const RandAugmentOptions& options)
    : transform_(std::make_shared<RandAugmentTransform>(options)) {}

AlgorithmTraits RandAugment::traits() const {
  return {.events = {Event::kFitStart}, .paper = "Cubuk et al., 2019, arXiv:1909.13719"};
}

bool RandAugment::match(Event event, const State& state) const { return event == Event::kFitStart; }

void RandAugment::apply(Event event, State& state, Logger& logger) {
  throw_if_error(add_transform(*state.train_dataloader, transform_));
}

COMPOSER_REGISTER(Algorithm, RandAugment);

}  // namespace composer
