#include "composer/callbacks/spike_detector.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/algorithm.h"
#include "composer/core/logger.h"
#include "composer/core/registries.h"
#include "composer/optim/gradients.h"

namespace composer {
namespace {

// What is looked at, in the order of the window's rows.
constexpr int kLoss = 0, kNorm = 1, kNumbers = 2;
constexpr const char* kScoreNames[] = {"spike_detector/loss_z_score",
                                       "spike_detector/grad_norm_z_score"};
// Of the mean: what rounding in float32 makes of equal numbers.
constexpr double kLeastDeviation = 1e-6;
constexpr double kTiny = std::numeric_limits<double>::min();

}  // namespace

// The window and what is computed with it.
class SpikeDetector::Judge final {
 public:
  explicit Judge(const Options& options)
      : options_(options), values_(at::zeros({kNumbers, options.window}, at::kDouble)) {}

  void judge(State& state, Logger& logger) {
    // The same step again.
    if (state.evaluation > 1 && state.timestamp.batch == batch_) return add_check(state);
    batch_ = state.timestamp.batch;
    const at::NoGradGuard no_grad;
    const at::Tensor loss = options_.loss ? state.loss.total() : at::Tensor();
    const at::Tensor norm =
        options_.grad_norm ? global_norm(gradients_of(state.optimizers).gradients).to(state.device)
                           : at::Tensor();
    if (norm.defined()) logger.log_metric("spike_detector/grad_norm", norm);
    if (state.device.is_cpu() && !options_.treat_cpu_as_device) {
      judge_on_host(loss, norm, logger);
    } else {
      judge_on_device(loss, norm, state, logger);
    }
    add_check(state);
  }

  StateDict state_dict() const {
    StateDict state;
    state.set("values", values_);
    state.set("count", count_.defined() ? count_.item<int64_t>() : host_count_);
    return state;
  }

  absl::Status load_state_dict(const StateDict& state) {
    COMPOSER_ASSIGN_OR_RETURN(const at::Tensor values, state.tensor("values"));
    COMPOSER_ASSIGN_OR_RETURN(const int64_t count, state.integer("count"));
    if (values.sizes() != values_.sizes() || count < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("the state is of another window than ", options_.window, " steps"));
    }
    values_ = values.detach().to(at::kCPU, at::kDouble, /*non_blocking=*/false, /*copy=*/true);
    host_count_ = count;
    count_.reset();
    batch_ = -1;
    return absl::OkStatus();
  }

 private:
  void add_check(State& state) const {
    state.step_checks.push_back(
        {.reason = "the loss or the gradient norm is a spike", .failed = failed_});
  }

  void judge_on_host(const at::Tensor& loss, const at::Tensor& norm, Logger& logger) {
    const std::array<double, kNumbers> numbers = {loss.defined() ? loss.item<double>() : 0,
                                                  norm.defined() ? norm.item<double>() : 0};
    const int64_t filled = std::min(host_count_, options_.window);
    bool spike = false, finite = true;
    for (int row = 0; row < kNumbers; ++row) {
      finite = finite && std::isfinite(numbers[row]);
      if (filled < options_.min_steps || !looks_at(row)) continue;
      const double score = z_score(numbers[row], row, filled);
      logger.log_metric(kScoreNames[row], score);
      spike = spike || (std::isfinite(numbers[row]) && score > options_.threshold);
    }
    if (!failed_.defined()) failed_ = at::zeros({}, at::kFloat);
    *failed_.mutable_data_ptr<float>() = spike ? 1.0F : 0.0F;
    if (spike || !finite) return;
    double* const values = values_.mutable_data_ptr<double>();
    const int64_t position = host_count_ % options_.window;
    for (int row = 0; row < kNumbers; ++row) {
      values[row * options_.window + position] = numbers[row];
    }
    ++host_count_;
  }

  double z_score(double number, int row, int64_t filled) const {
    const double* const values = values_.const_data_ptr<double>() + row * options_.window;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < filled; ++i) sum += values[i];
    const double mean = sum / static_cast<double>(filled);
    for (int64_t i = 0; i < filled; ++i) squares += (values[i] - mean) * (values[i] - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(filled));
    return (number - mean) / std::max(deviation, kLeastDeviation * std::abs(mean) + kTiny);
  }

  // The same in tensors of the device.
  void judge_on_device(const at::Tensor& loss, const at::Tensor& norm, const State& state,
                       Logger& logger) {
    const at::TensorOptions options = at::TensorOptions(at::kDouble).device(state.device);
    if (!count_.defined()) {
      values_ = values_.to(state.device);
      count_ = at::full({}, host_count_, options.dtype(at::kLong));
      steps_ = at::arange(options_.window, options.dtype(at::kLong));
    }
    const at::Tensor zero = at::zeros({}, options);
    const at::Tensor numbers = at::stack({loss.defined() ? loss.to(at::kDouble) : zero,
                                          norm.defined() ? norm.to(at::kDouble) : zero});
    const at::Tensor in_window = (steps_ < count_).to(at::kDouble);
    const at::Tensor filled = in_window.sum();
    // Of an empty window, NaN: no number is above it.
    const at::Tensor mean = (values_ * in_window).sum(1, /*keepdim=*/true) / filled;
    const at::Tensor deviation = (((values_ - mean).square() * in_window).sum(1) / filled).sqrt();
    const at::Tensor scores =
        (numbers - mean.squeeze(1)) /
        at::maximum(deviation, kLeastDeviation * mean.squeeze(1).abs() + kTiny);
    const at::Tensor judged = filled >= options_.min_steps;
    const at::Tensor finite = at::isfinite(numbers);
    // A number that is not looked at is always 0, which is no spike.
    const at::Tensor spike =
        (scores > options_.threshold).logical_and(finite).logical_and(judged).any();
    if (logger.due()) {
      constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
      for (int row = 0; row < kNumbers; ++row) {
        if (!looks_at(row)) continue;
        logger.log_metric(kScoreNames[row], at::where(judged, scores[row], kNaN));
      }
    }
    failed_ = spike.to(at::kFloat);
    const at::Tensor good = spike.logical_not().logical_and(finite.all());
    const at::Tensor here = (steps_ == count_.remainder(options_.window)).logical_and(good);
    values_ = at::where(here, numbers.unsqueeze(1), values_);
    count_ = count_ + good;
  }

  bool looks_at(int row) const { return row == kLoss ? options_.loss : options_.grad_norm; }

  const Options options_;
  // The numbers of good steps, by number and by step modulo the window, and how many steps there
  // were: on the host, or on the device once `count_` is defined.
  at::Tensor values_;
  int64_t host_count_ = 0;
  at::Tensor count_;
  at::Tensor steps_;
  // The step that was judged last, and how.
  int64_t batch_ = -1;
  at::Tensor failed_;
};

namespace {

// Has its turn before other algorithms change the gradients.
template <typename Judge>
class SpikeMeasure final : public Algorithm {
 public:
  explicit SpikeMeasure(std::shared_ptr<Judge> judge) : judge_(std::move(judge)) {}

  AlgorithmTraits traits() const override {
    return {.events = {Event::kAfterTrainBatch}, .order = AlgorithmTraits::Order::kFirst};
  }
  bool match(Event event, const State& state) const override { return true; }
  void apply(Event event, State& state, Logger& logger) override { judge_->judge(state, logger); }
  std::string name() const override { return "SpikeDetector"; }

 private:
  const std::shared_ptr<Judge> judge_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SpikeDetector>> SpikeDetector::create(const Config& config) {
  if (!config.loss() && !config.grad_norm()) {
    return field_error("grad_norm", "nothing is looked at: set loss or grad_norm");
  }
  if (config.min_steps() > config.window()) {
    return field_error("min_steps", absl::StrCat("is ", config.min_steps(), ", more than the ",
                                                 config.window(), " steps of the window"));
  }
  return std::make_unique<SpikeDetector>(Options{.window = config.window(),
                                                 .min_steps = config.min_steps(),
                                                 .threshold = config.threshold(),
                                                 .loss = config.loss(),
                                                 .grad_norm = config.grad_norm()});
}

SpikeDetector::SpikeDetector(const Options& options) : judge_(std::make_shared<Judge>(options)) {
  TORCH_CHECK_VALUE(2 <= options.min_steps && options.min_steps <= options.window, "min_steps is ",
                    options.min_steps, "; expected 2 to ", options.window, ", the window");
}

SpikeDetector::~SpikeDetector() = default;

void SpikeDetector::init(State& state, Logger& logger) {
  state.algorithms.push_back(std::make_unique<SpikeMeasure<Judge>>(judge_));
}

StateDict SpikeDetector::state_dict() const { return judge_->state_dict(); }

absl::Status SpikeDetector::load_state_dict(const StateDict& state) {
  return judge_->load_state_dict(state);
}

COMPOSER_REGISTER(Callback, SpikeDetector);

}  // namespace composer
