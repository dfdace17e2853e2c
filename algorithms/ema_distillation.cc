#include "algorithms/ema_distillation.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "algorithms/agreement.h"
#include "algorithms/targets.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/evaluation_mode.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

using Consistency = EmaDistillationOptions::Consistency;

// An average in the place of the model's weights, which are back afterwards.
class Borrowed {
 public:
  Borrowed(WeightAverage& average, const ComposerModel& model) : average_(average), model_(model) {
    average_.swap_in(model_);
  }
  ~Borrowed() { average_.swap_out(model_); }

  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

 private:
  WeightAverage& average_;
  const ComposerModel& model_;
};

// Weights that autocast has cast are known by their tensors, not by their values.
class NoAutocastCache {
 public:
  NoAutocastCache() { at::autocast::set_autocast_cache_enabled(false); }
  ~NoAutocastCache() { at::autocast::set_autocast_cache_enabled(was_enabled_); }

  NoAutocastCache(const NoAutocastCache&) = delete;
  NoAutocastCache& operator=(const NoAutocastCache&) = delete;

 private:
  const bool was_enabled_ = at::autocast::is_autocast_cache_enabled();
};

}  // namespace

double consistency_ramp(double elapsed, double ramp_up) {
  if (elapsed >= ramp_up) return 1;
  const double left = 1 - elapsed / ramp_up;
  return std::exp(-5 * left * left);
}

double teacher_smoothing(int64_t batches, double smoothing) {
  return std::min(1 - 1 / static_cast<double>(batches + 1), smoothing);
}

absl::StatusOr<std::unique_ptr<Algorithm>> EmaDistillation::create(const Config& config) {
  return try_make<EmaDistillation>(EmaDistillationOptions{
      .weight = config.weight(),
      .ramp_up = config.ramp_up(),
      .smoothing = config.smoothing(),
      .consistency = config.consistency() == Config::KL ? Consistency::kKl : Consistency::kMse});
}

EmaDistillation::EmaDistillation(EmaDistillationOptions options) : options_(options) {
  const auto check = [](bool right, const char* field, const char* message) {
    if (!right) throw_if_error(field_error(field, message));
  };
  check(options.weight >= 0 && std::isfinite(options.weight), "weight",
        "must be a number that is not negative");
  check(options.ramp_up >= 0 && options.ramp_up <= 1, "ramp_up", "must be from 0 to 1");
  check(options.smoothing > 0 && options.smoothing < 1, "smoothing", "must be above 0 and below 1");
}

AlgorithmTraits EmaDistillation::traits() const {
  return {
      .events = {Event::kFitStart, Event::kBeforeForward, Event::kBeforeBackward, Event::kBatchEnd},
      .order = AlgorithmTraits::Order::kLast,
      .paper = "Tarvainen and Valpola, 2017, arXiv:1703.01780"};
}

bool EmaDistillation::match(Event event, const State& state) const {
  return event == Event::kFitStart || event == Event::kBeforeForward ||
         event == Event::kBeforeBackward || event == Event::kBatchEnd;
}

void EmaDistillation::apply(Event event, State& state, Logger& logger) {
  switch (event) {
    case Event::kFitStart:
      // Whoever had the model before may have moved it.
      teacher_.forget_model();
      if (teacher_.empty()) teacher_.start(*state.model);
      return;
    case Event::kBeforeForward:
      return ask_teacher(state);
    case Event::kBeforeBackward:
      return add_consistency(state);
    default:
      const double kept = teacher_smoothing(state.timestamp.batch, options_.smoothing);
      teacher_.update(*state.model, 1 - kept, any_failed(state.step_checks));
  }
}

void EmaDistillation::ask_teacher(State& state) {
  const at::NoGradGuard no_grad;
  const NoAutocastCache no_cache;
  const EvaluationMode evaluation(*state.model);
  const Borrowed weights(teacher_, *state.model);
  teacher_logits_ = logits_of(state.model->forward(state.batch), name());
}

void EmaDistillation::add_consistency(State& state) const {
  const at::Tensor& student = logits_of(state.outputs, name());
  const Positions positions = positions_of(student, state.batch);
  const at::Tensor consistency = options_.consistency == Consistency::kMse
                                     ? probability_mse(student, teacher_logits_, positions)
                                     : kl_divergence(student, teacher_logits_, positions);
  const double weight =
      options_.weight * consistency_ramp(state.elapsed_duration(), options_.ramp_up);
  state.loss = with_term(state.loss, "ema_distillation", consistency * weight);
}

COMPOSER_REGISTER(Algorithm, EmaDistillation);

}  // namespace composer
