#include "algorithms/swa.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "algorithms/run_time.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

double weight_of_next(int64_t count) { return 1 / static_cast<double>(count + 1); }

void check_time(absl::string_view field, const Time& time) {
  check_start(field, time);
  if (time.unit() == TimeUnit::kDuration || time.unit() == TimeUnit::kEpoch) return;
  throw_if_error(field_error(
      field, absl::StrCat("must be a part of the run or a number of epochs, such as \"0.7dur\" or "
                          "\"6ep\"; it is \"",
                          time.to_string(), "\"")));
}

template <typename Function>
void for_each_group(State& state, Function&& function) {
  for (const auto& optimizer : state.optimizers) {
    for (ParameterGroup& group : optimizer->groups()) function(group);
  }
}

}  // namespace

void update_average(at::TensorList weights, at::TensorList averages, int64_t count) {
  lerp_weights(averages, weights, weight_of_next(count));
}

double annealed_lr(Annealing annealing, double from, double to, int64_t updates, int64_t steps) {
  const double progress = std::min(static_cast<double>(updates) / static_cast<double>(steps), 1.0);
  const double part =
      annealing == Annealing::kLinear ? progress : (1 - std::cos(std::numbers::pi * progress)) / 2;
  return to * part + from * (1 - part);
}

absl::StatusOr<std::unique_ptr<Algorithm>> Swa::create(const Config& config) {
  SwaOptions options{.schedule_swa_lr = config.schedule_swa_lr(),
                     .anneal_strategy = config.anneal_strategy() == Config::COS
                                            ? Annealing::kCosine
                                            : Annealing::kLinear,
                     .anneal_steps = config.anneal_steps()};
  COMPOSER_ASSIGN_OR_RETURN(options.swa_start, parse_time("swa_start", config.swa_start()));
  COMPOSER_ASSIGN_OR_RETURN(options.swa_end, parse_time("swa_end", config.swa_end()));
  COMPOSER_ASSIGN_OR_RETURN(options.update_interval,
                            parse_time("update_interval", config.update_interval()));
  if (config.has_swa_lr()) options.swa_lr = config.swa_lr();
  return try_make<Swa>(options);
}

Swa::Swa(SwaOptions options)
    : options_(options), update_event_(check_interval("update_interval", options.update_interval)) {
  const auto check = [](bool right, const char* field, const std::string& message) {
    if (!right) throw_if_error(field_error(field, message));
  };
  check_time("swa_start", options.swa_start);
  check_time("swa_end", options.swa_end);
  check(options.swa_start.unit() == options.swa_end.unit(), "swa_end",
        absl::StrCat("must be in the unit of swa_start (\"", options.swa_start.to_string(),
                     "\"), it is \"", options.swa_end.to_string(), "\""));
  check(options.swa_start.value() < options.swa_end.value(), "swa_end",
        absl::StrCat("must come after swa_start (\"", options.swa_start.to_string(),
                     "\"), it is \"", options.swa_end.to_string(), "\""));
  check(options.anneal_steps > 0, "anneal_steps", "must be above 0");
  check(!options.swa_lr || *options.swa_lr >= 0, "swa_lr", "must not be negative");
  check(options.schedule_swa_lr == options.swa_lr.has_value(), "swa_lr",
        options.schedule_swa_lr ? "is needed with schedule_swa_lr: the rate to anneal to"
                                : "changes nothing without schedule_swa_lr");
}

AlgorithmTraits Swa::traits() const {
  AlgorithmTraits traits{.paper = "Izmailov et al., 2018, arXiv:1803.05407"};
  if (options_.schedule_swa_lr) traits.events.push_back(Event::kBatchStart);
  traits.events.push_back(update_event_);
  return traits;
}

bool Swa::match(Event event, const State& state) const {
  if (completed_) return false;
  if (event == Event::kBatchStart) return options_.schedule_swa_lr && averaged_ > 0;
  return event == update_event_ && has_come(options_.swa_start, state);
}

void Swa::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kBatchStart) return set_learning_rates(state);
  const ComposerModel& model = *state.model;
  const auto interval = static_cast<int64_t>(options_.update_interval.value());
  if (seen_++ % interval == 0) {
    if (averaged_ == 0) {
      average_.start(model);
      if (options_.schedule_swa_lr) {
        for_each_group(state, [&](ParameterGroup& group) { first_lrs_.push_back(group.lr); });
      }
    } else {
      average_.update(model, weight_of_next(averaged_), any_failed(state.step_checks));
    }
    ++averaged_;
  }
  if (!has_come(options_.swa_end, state)) return;
  average_.copy_to(model);
  average_ = WeightAverage(WeightAverage::Buffers::kCopied);
  completed_ = true;
  // Where there is no schedule to give them back to.
  size_t index = 0;
  if (options_.schedule_swa_lr) {
    for_each_group(state, [&](ParameterGroup& group) { group.lr = first_lrs_[index++]; });
  }
  LOG(INFO) << "the model is the average of " << averaged_ << " models from here on";
  if (state.elapsed_duration() >= 1) {
    LOG(WARNING) << "swa_end (\"" << options_.swa_end.to_string()
                 << "\") comes with the end of training: the statistics of batch norms are not "
                    "those of the average; end it an epoch earlier";
  }
}

void Swa::set_learning_rates(State& state) const {
  size_t index = 0;
  for_each_group(state, [&](ParameterGroup& group) {
    group.lr = annealed_lr(options_.anneal_strategy, first_lrs_.at(index++), *options_.swa_lr,
                           averaged_, options_.anneal_steps);
  });
}

StateDict Swa::state_dict() const {
  StateDict state = average_.state_dict();
  state.set("seen", seen_);
  state.set("averaged", averaged_);
  state.set("completed", completed_);
  if (!first_lrs_.empty()) state.set("first_lrs", at::tensor(first_lrs_, at::kDouble));
  return state;
}

absl::Status Swa::load_state_dict(const StateDict& state) {
  COMPOSER_ASSIGN_OR_RETURN(const int64_t seen, state.integer("seen"));
  COMPOSER_ASSIGN_OR_RETURN(const int64_t averaged, state.integer("averaged"));
  COMPOSER_ASSIGN_OR_RETURN(const int64_t completed, state.integer("completed"));
  std::vector<double> first_lrs;
  if (options_.schedule_swa_lr && averaged > 0) {
    COMPOSER_ASSIGN_OR_RETURN(const at::Tensor lrs, state.tensor("first_lrs"));
    const double* const values = lrs.const_data_ptr<double>();
    first_lrs.assign(values, values + lrs.numel());
  }
  COMPOSER_RETURN_IF_ERROR(average_.load_state_dict(state));
  seen_ = seen;
  averaged_ = averaged;
  completed_ = completed != 0;
  first_lrs_ = std::move(first_lrs);
  return absl::OkStatus();
}

COMPOSER_REGISTER(Algorithm, Swa);

}  // namespace composer
