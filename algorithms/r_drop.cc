#include "algorithms/r_drop.h"

#include <ATen/TensorOperators.h>

#include <cmath>
#include <utility>

#include "algorithms/agreement.h"
#include "algorithms/targets.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {

absl::StatusOr<std::unique_ptr<Algorithm>> RDrop::create(const Config& config) {
  return try_make<RDrop>(config.alpha());
}

RDrop::RDrop(double alpha) : alpha_(alpha) {
  if (!(alpha >= 0 && std::isfinite(alpha))) {
    throw_if_error(field_error("alpha", "must be a number that is not negative"));
  }
}

AlgorithmTraits RDrop::traits() const {
  return {.events = {Event::kBeforeLoss, Event::kAfterLoss, Event::kBeforeBackward},
          .order = AlgorithmTraits::Order::kLast,
          .paper = "Liang et al., 2021, arXiv:2106.14448"};
}

bool RDrop::match(Event event, const State& state) const {
  return event == Event::kBeforeLoss || event == Event::kAfterLoss ||
         event == Event::kBeforeBackward;
}

void RDrop::apply(Event event, State& state, Logger& logger) {
  switch (event) {
    case Event::kBeforeLoss:
      return compute_again(state);
    case Event::kAfterLoss:
      state.loss = lerp(state.loss, std::exchange(second_loss_, {}), 0.5);
      return;
    default:
      state.loss = with_term(state.loss, "r_drop", std::exchange(divergence_, {}) * alpha_);
  }
}

void RDrop::compute_again(State& state) {
  const at::Tensor& first = logits_of(state.outputs, name());
  const Outputs outputs = state.model->forward(state.batch);
  second_loss_ = state.model->loss(outputs, state.batch);
  divergence_ =
      symmetric_kl_divergence(first, logits_of(outputs, name()), positions_of(first, state.batch));
}

COMPOSER_REGISTER(Algorithm, RDrop);

}  // namespace composer
