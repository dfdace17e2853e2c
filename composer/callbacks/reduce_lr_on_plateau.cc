#include "composer/callbacks/reduce_lr_on_plateau.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/item.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/core/optimizer.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"

namespace composer {
namespace {

constexpr absl::string_view kTrainLoss = "loss/train/";

class PlateauFactor final : public Scheduler {
 public:
  PlateauFactor(std::shared_ptr<const double> factor, double min_lr)
      : factor_(std::move(factor)), min_lr_(min_lr) {}

  double multiplier(const ScheduleClock& clock) const override { return *factor_; }
  double group_multiplier(const ParameterGroup& group, const ScheduleClock& clock) const override {
    if (group.initial_lr <= min_lr_) return 1;
    return std::max(*factor_, min_lr_ / group.initial_lr);
  }

 private:
  const std::shared_ptr<const double> factor_;
  const double min_lr_;
};

// The metric's name when `monitor` is one of the evaluator called `label`: "accuracy" for
// "metrics/eval/accuracy". Empty otherwise.
absl::string_view metric_of(absl::string_view monitor, absl::string_view label) {
  const bool own = absl::ConsumePrefix(&monitor, "metrics/") &&
                   absl::ConsumePrefix(&monitor, label) && absl::ConsumePrefix(&monitor, "/");
  return own ? monitor : "";
}

absl::Status check_monitor(absl::string_view monitor) {
  if (absl::StartsWith(monitor, kTrainLoss) && monitor.size() > kTrainLoss.size()) {
    return absl::OkStatus();
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(monitor, absl::MaxSplits('/', 2));
  if (parts.size() == 3 && parts[0] == "metrics" && !parts[1].empty() && !parts[2].empty()) {
    if (parts[1] != "train") return absl::OkStatus();
    return field_error("monitor",
                       absl::StrCat("\"", monitor,
                                    "\" is computed only in the steps that are logged; monitor an "
                                    "evaluator's metric, or \"loss/train/total\""));
  }
  return field_error("monitor", absl::StrCat("expected an evaluator's metric such as "
                                             "\"metrics/eval/accuracy\", or \"loss/train/total\", "
                                             "found \"",
                                             monitor, "\""));
}

at::Tensor find_term(const Loss& loss, absl::string_view name) {
  std::vector<std::string> known;
  for (const auto& [term, value] : loss.terms()) {
    if (term == name) return Loss(value).total();
    known.push_back(term);
  }
  if (name == "total") return loss.total();
  throw_if_error(
      absl::NotFoundError(absl::StrCat("the training loss has no term \"", name,
                                       "\" to monitor; it has total, ", enumerate(known, "and"))));
  return {};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReduceLROnPlateau>> ReduceLROnPlateau::create(const Config& config) {
  COMPOSER_RETURN_IF_ERROR(check_monitor(config.monitor()));
  if (!(config.factor() > 0 && config.factor() < 1)) {
    return field_error("factor",
                       absl::StrCat("must be above 0 and below 1, it is ", config.factor()));
  }
  return std::make_unique<ReduceLROnPlateau>(Options{
      .monitor = config.monitor(),
      .mode = config.mode() == Config::MAX ? Mode::kMax : Mode::kMin,
      .factor = config.factor(),
      .patience = config.patience(),
      .threshold = config.threshold(),
      .threshold_mode = config.threshold_mode() == Config::ABSOLUTE ? ThresholdMode::kAbsolute
                                                                    : ThresholdMode::kRelative,
      .cooldown = config.cooldown(),
      .min_lr = config.min_lr()});
}

ReduceLROnPlateau::ReduceLROnPlateau(Options options)
    : options_(std::move(options)),
      best_(options_.mode == Mode::kMin ? std::numeric_limits<double>::infinity()
                                        : -std::numeric_limits<double>::infinity()) {}

bool ReduceLROnPlateau::improves(double value) const {
  const double sign = options_.mode == Mode::kMin ? -1 : 1;
  const double bar = options_.threshold_mode == ThresholdMode::kRelative
                         ? best_ * (1 + sign * options_.threshold)
                         : best_ + sign * options_.threshold;
  return options_.mode == Mode::kMin ? value < bar : value > bar;
}

void ReduceLROnPlateau::observe(double value) {
  observed_ = true;
  if (improves(value)) {
    best_ = value;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ <= options_.patience) return;
  *factor_ *= options_.factor;
  cooling_ = options_.cooldown;
  bad_ = 0;
  LOG(INFO) << options_.monitor << " is " << value << " and has not been better than " << best_
            << " for a while: learning rates are multiplied by " << *factor_ << " from here on";
}

void ReduceLROnPlateau::init(State& state, Logger& logger) {
  state.schedulers.push_back(std::make_unique<PlateauFactor>(factor_, options_.min_lr));
}

void ReduceLROnPlateau::fit_start(State& state, Logger& logger) { observed_ = false; }

void ReduceLROnPlateau::batch_end(State& state, Logger& logger) {
  absl::string_view name = options_.monitor;
  if (!absl::ConsumePrefix(&name, kTrainLoss) || state.loss.empty()) return;
  const at::Tensor value = find_term(state.loss, name).detach();
  loss_sum_ = loss_sum_.defined() ? loss_sum_ + value : value;
  ++loss_count_;
}

void ReduceLROnPlateau::epoch_end(State& state, Logger& logger) {
  if (loss_count_ == 0) return;
  observe(loss_sum_.item<double>() / static_cast<double>(loss_count_));
  loss_sum_.reset();
  loss_count_ = 0;
}

void ReduceLROnPlateau::eval_end(State& state, Logger& logger) {
  const absl::string_view name = metric_of(options_.monitor, state.dataloader_label);
  if (name.empty() || standalone_) return;
  const auto values = state.eval_metrics.find(state.dataloader_label);
  if (values == state.eval_metrics.end()) return;  // cut short, it comes again
  std::vector<std::string> known;
  for (const auto& [metric, value] : values->second) {
    if (metric == name) return observe(value);
    known.push_back(metric);
  }
  throw_if_error(absl::NotFoundError(
      absl::StrCat("evaluator \"", state.dataloader_label, "\" has no metric \"", name,
                   "\" to monitor; it has ", enumerate(known, "and"))));
}

void ReduceLROnPlateau::fit_end(State& state, Logger& logger) {
  if (observed_ || state.stop_requested() || absl::StartsWith(options_.monitor, kTrainLoss)) return;
  LOG(WARNING) << "nothing was computed under the name " << options_.monitor
               << ", so no learning rate was reduced";
}

StateDict ReduceLROnPlateau::state_dict() const {
  StateDict state;
  state.set("factor", *factor_);
  state.set("best", best_);
  state.set("bad", bad_);
  state.set("cooling", cooling_);
  state.set("loss_count", loss_count_);
  if (loss_sum_.defined()) state.set("loss_sum", loss_sum_);
  return state;
}

absl::Status ReduceLROnPlateau::load_state_dict(const StateDict& state) {
  COMPOSER_ASSIGN_OR_RETURN(const double factor, state.number("factor"));
  COMPOSER_ASSIGN_OR_RETURN(const double best, state.number("best"));
  COMPOSER_ASSIGN_OR_RETURN(const int64_t bad, state.integer("bad"));
  COMPOSER_ASSIGN_OR_RETURN(const int64_t cooling, state.integer("cooling"));
  COMPOSER_ASSIGN_OR_RETURN(const int64_t loss_count, state.integer("loss_count"));
  at::Tensor loss_sum;
  if (loss_count > 0) {
    COMPOSER_ASSIGN_OR_RETURN(loss_sum, state.tensor("loss_sum"));
  }
  *factor_ = factor;
  best_ = best;
  bad_ = bad;
  cooling_ = cooling;
  loss_count_ = loss_count;
  loss_sum_ = loss_sum;
  return absl::OkStatus();
}

COMPOSER_REGISTER(Callback, ReduceLROnPlateau);

}  // namespace composer
