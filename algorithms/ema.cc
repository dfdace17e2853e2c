#include "algorithms/ema.h"

#include <ATen/ops/item.h>

#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "algorithms/run_time.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {

void compute_ema(at::TensorList weights, at::TensorList averages, double smoothing) {
  lerp_weights(averages, weights, 1 - smoothing);
}

absl::StatusOr<std::unique_ptr<Algorithm>> Ema::create(const Config& config) {
  EmaOptions options;
  if (config.has_half_life()) {
    COMPOSER_ASSIGN_OR_RETURN(options.half_life, parse_time("half_life", config.half_life()));
  }
  if (config.has_smoothing()) options.smoothing = config.smoothing();
  COMPOSER_ASSIGN_OR_RETURN(options.ema_start, parse_time("ema_start", config.ema_start()));
  if (config.has_update_interval()) {
    COMPOSER_ASSIGN_OR_RETURN(options.update_interval,
                              parse_time("update_interval", config.update_interval()));
  }
  return try_make<Ema>(options);
}

Ema::Ema(EmaOptions options)
    : start_(options.ema_start),
      update_interval_(Time::batches(1)),
      update_event_(Event::kBatchEnd) {
  if (options.half_life && options.smoothing) {
    throw_if_error(field_error("smoothing", "half_life says the same; give one of the two"));
  }
  if (!options.half_life && !options.smoothing) options.half_life = Time::batches(1000);
  check_start("ema_start", start_);
  if (options.half_life) check_interval("half_life", *options.half_life);
  if (options.update_interval) {
    update_interval_ = *options.update_interval;
  } else if (options.half_life) {
    update_interval_ =
        options.half_life->unit() == TimeUnit::kEpoch ? Time::epochs(1) : Time::batches(1);
  }
  update_event_ = check_interval("update_interval", update_interval_);
  if (options.half_life && options.half_life->unit() != update_interval_.unit()) {
    throw_if_error(field_error(
        "update_interval",
        absl::StrCat("must be in the unit of half_life (\"", options.half_life->to_string(),
                     "\"), it is \"", update_interval_.to_string(), "\"")));
  }
  smoothing_ = options.smoothing
                   ? *options.smoothing
                   : std::exp2(-update_interval_.value() / options.half_life->value());
  if (!(smoothing_ > 0 && smoothing_ < 1)) {
    throw_if_error(field_error("smoothing", "must be above 0 and below 1"));
  }
}

AlgorithmTraits Ema::traits() const {
  return {.events = {Event::kFitStart, update_event_, Event::kFitEnd, Event::kEvalStart,
                     Event::kEvalEnd, Event::kPredictStart, Event::kPredictEnd},
          .paper = "Tarvainen and Valpola, 2017, arXiv:1703.01780"};
}

bool Ema::is_due(const State& state) const {
  if (average_.empty()) return has_come(start_, state);
  return std::fmod(state.timestamp.get(update_interval_.unit()), update_interval_.value()) == 0;
}

bool Ema::match(Event event, const State& state) const {
  if (event == Event::kFitStart) return true;
  if (event == update_event_) return is_due(state);
  switch (event) {
    case Event::kFitEnd:
    case Event::kEvalStart:
    case Event::kEvalEnd:
    case Event::kPredictStart:
    case Event::kPredictEnd:
      return !average_.empty();
    default:
      return false;
  }
}

void Ema::apply(Event event, State& state, Logger& logger) {
  const ComposerModel& model = *state.model;
  if (event == update_event_) {
    const at::Tensor failed = any_failed(state.step_checks);
    if (!average_.empty()) return average_.update(model, 1 - smoothing_, failed);
    // Not with the buffers of a step that does not count.
    if (!failed.defined() || failed.item<float>() == 0) average_.start(model);
    return;
  }
  switch (event) {
    case Event::kFitStart:
      // Whoever had the model before may have moved it.
      average_.forget_model();
      borrowed_ = false;
      if (average_.is_in_model()) average_.swap_out(model);
      break;
    case Event::kEvalStart:
    case Event::kPredictStart:
      borrowed_ = borrowed_ || !average_.is_in_model();
      [[fallthrough]];
    case Event::kFitEnd:
      if (!average_.is_in_model()) average_.swap_in(model);
      break;
    default:
      if (borrowed_) average_.swap_out(model);
      borrowed_ = false;
  }
}

absl::Status Ema::load_state_dict(const StateDict& state) {
  borrowed_ = false;
  return average_.load_state_dict(state);
}

COMPOSER_REGISTER(Algorithm, Ema);

}  // namespace composer
