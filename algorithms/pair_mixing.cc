#include "algorithms/pair_mixing.h"

#include <ATen/core/Tensor.h>

#include <cmath>
#include <utility>

#include "algorithms/keys.h"
#include "algorithms/targets.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/state.h"

namespace composer {

PairMixing::PairMixing(PairMixingOptions options) : options_(std::move(options)) {
  if (!(options_.alpha >= 0 && std::isfinite(options_.alpha))) {
    throw_if_error(field_error("alpha", "must be a number that is not negative"));
  }
}

AlgorithmTraits PairMixing::traits() const {
  AlgorithmTraits traits;
  if (options_.interpolate_loss) {
    traits.events = {Event::kBeforeForward, Event::kBeforeBackward};
    traits.interpolates_loss = true;
  } else {
    traits.events = {Event::kBeforeForward, Event::kBeforeLoss, Event::kAfterLoss};
    traits.replaces_targets = true;
  }
  return traits;
}

bool PairMixing::match(Event event, const State& state) const {
  if (event == Event::kBeforeForward) return true;
  return options_.interpolate_loss ? event == Event::kBeforeBackward
                                   : event == Event::kBeforeLoss || event == Event::kAfterLoss;
}

void PairMixing::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kBeforeForward) return mix_input(state);
  if (event == Event::kBeforeLoss) return replace_targets(state);
  if (event == Event::kBeforeBackward) mix_loss(state);
  restore(state);
}

void PairMixing::mix_input(State& state) {
  const std::string key = input_key(options_.input_key, state.batch);
  found_input_ = state.batch.at(key);
  found_targets_ = state.batch.at(target_key(options_.target_key, state.batch));
  state.batch.set(key, draw_and_mix(found_input_, found_targets_, state.generator(name())));
}

void PairMixing::replace_targets(State& state) {
  const std::string key = target_key(options_.target_key, state.batch);
  found_targets_ = state.batch.at(key);
  state.batch.set(key, mix_targets(logits_of(state.outputs, name()), found_targets_));
}

void PairMixing::mix_loss(State& state) {
  Batch permuted = state.batch;
  permuted.set(target_key(options_.target_key, state.batch),
               found_targets_.index_select(0, permutation()));
  state.loss = lerp(state.loss, state.model->loss(state.outputs, permuted), weight());
}

void PairMixing::restore(State& state) {
  state.batch.set(input_key(options_.input_key, state.batch), std::move(found_input_));
  state.batch.set(target_key(options_.target_key, state.batch), std::move(found_targets_));
}

}  // namespace composer
