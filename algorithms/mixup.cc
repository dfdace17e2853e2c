#include "algorithms/mixup.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "algorithms/draws.h"
#include "algorithms/keys.h"
#include "algorithms/targets.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {

double draw_mixing_weight(double alpha, const at::Generator& generator) {
  if (alpha == 0) return 0;
  const double z = draw_beta(alpha, generator);
  return std::min(z, 1 - z);
}

at::Tensor mixup_batch(const at::Tensor& input, const at::Tensor& permutation, double weight) {
  TORCH_CHECK_VALUE(input.is_floating_point(), "only tensors of floating point can be mixed, not ",
                    input.scalar_type());
  return at::lerp(input, input.index_select(0, permutation), weight);
}

at::Tensor mixup_targets(const at::Tensor& logits, const at::Tensor& targets,
                         const at::Tensor& permutation, double weight) {
  return mixup_batch(dense_targets(logits, targets), permutation, weight);
}

absl::StatusOr<std::unique_ptr<Algorithm>> MixUp::create(const Config& config) {
  return try_make<MixUp>(MixUpOptions{.alpha = config.alpha(),
                                      .interpolate_loss = config.interpolate_loss(),
                                      .input_key = config.input_key(),
                                      .target_key = config.target_key()});
}

MixUp::MixUp(MixUpOptions options) : options_(std::move(options)) {
  if (!(options_.alpha >= 0 && std::isfinite(options_.alpha))) {
    throw_if_error(field_error("alpha", "must be a number that is not negative"));
  }
}

AlgorithmTraits MixUp::traits() const {
  AlgorithmTraits traits{.paper = "Zhang et al., 2017, arXiv:1710.09412"};
  if (options_.interpolate_loss) {
    traits.events = {Event::kBeforeForward, Event::kBeforeBackward};
    traits.interpolates_loss = true;
  } else {
    traits.events = {Event::kBeforeForward, Event::kBeforeLoss, Event::kAfterLoss};
    traits.replaces_targets = true;
  }
  return traits;
}

bool MixUp::match(Event event, const State& state) const {
  if (event == Event::kBeforeForward) return true;
  return options_.interpolate_loss ? event == Event::kBeforeBackward
                                   : event == Event::kBeforeLoss || event == Event::kAfterLoss;
}

void MixUp::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kBeforeForward) return mix_input(state);
  if (event == Event::kBeforeLoss) return mix_targets(state);
  if (event == Event::kBeforeBackward) mix_loss(state);
  restore(state);
}

MixUpDraw MixUp::draw(int64_t samples, const at::Generator& generator) {
  const double weight = draw_mixing_weight(options_.alpha, generator);
  return {.permutation = at::randperm(samples, generator, at::TensorOptions(at::kLong)),
          .weight = weight};
}

void MixUp::mix_input(State& state) {
  const std::string key = input_key(options_.input_key, state.batch);
  found_input_ = state.batch.at(key);
  found_targets_ = state.batch.at(target_key(options_.target_key, state.batch));
  draw_ = draw(found_input_.size(0), state.generator(name()));
  draw_.permutation = draw_.permutation.to(found_input_.device());
  state.batch.set(key, mixup_batch(found_input_, draw_.permutation, draw_.weight));
}

void MixUp::mix_targets(State& state) {
  const std::string key = target_key(options_.target_key, state.batch);
  found_targets_ = state.batch.at(key);
  state.batch.set(key, mixup_targets(logits_of(state.outputs, name()), found_targets_,
                                     draw_.permutation, draw_.weight));
}

void MixUp::mix_loss(State& state) {
  Batch permuted = state.batch;
  permuted.set(target_key(options_.target_key, state.batch),
               found_targets_.index_select(0, draw_.permutation));
  state.loss = lerp(state.loss, state.model->loss(state.outputs, permuted), draw_.weight);
}

void MixUp::restore(State& state) {
  state.batch.set(input_key(options_.input_key, state.batch), std::move(found_input_));
  state.batch.set(target_key(options_.target_key, state.batch), std::move(found_targets_));
}

COMPOSER_REGISTER(Algorithm, MixUp);

}  // namespace composer
