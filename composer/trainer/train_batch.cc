#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "absl/types/span.h"
#include "composer/core/autocast.h"
#include "composer/core/evaluation_mode.h"
#include "composer/core/model.h"
#include "composer/trainer/microbatches.h"
#include "composer/trainer/trainer.h"

namespace composer {
namespace {

bool is_on(at::Device device, const Batch& batch) {
  return std::all_of(batch.begin(), batch.end(),
                     [&](const auto& entry) { return entry.second.device() == device; });
}

}  // namespace

// What ComposerModel::train_step is given.
class Trainer::Step final : public TrainStep {
 public:
  explicit Step(Trainer& trainer) : trainer_(trainer) {}

  // The model's own, with forward and loss in the run's precision.
  Loss run() {
    State& s = trainer_.state_;
    const AutocastScope autocast(s.precision, s.device);
    return s.model->train_step(*this);
  }

  State& state() override { return trainer_.state_; }
  Logger& logger() override { return trainer_.logger_; }

  const Outputs& forward() override {
    State& s = trainer_.state_;
    trainer_.engine_.run(Event::kBeforeForward);
    s.outputs = trainer_.in_model("forward", [&] { return s.model->forward(s.batch); });
    trainer_.engine_.run(Event::kAfterForward);
    return s.outputs;
  }

  const Loss& loss() override {
    State& s = trainer_.state_;
    trainer_.engine_.run(Event::kBeforeLoss);
    s.loss = trainer_.in_model("loss", [&] { return s.model->loss(s.outputs, s.batch); });
    trainer_.engine_.run(Event::kAfterLoss);
    return s.loss;
  }

  void backward(const at::Tensor& loss) override {
    const AutocastDisabled no_autocast(trainer_.state_.device);
    trainer_.in_model("backward", [&] { trainer_.state_.grad_scaler->scale(loss).backward(); });
  }

  void update(Optimizer& optimizer) override {
    State& s = trainer_.state_;
    check_repeatable_update(s);
    const AutocastDisabled no_autocast(s.device);
    const size_t checks = s.step_checks.size();
    trainer_.check_gradients(optimizer);
    optimizer.set_found_inf(any_failed(absl::MakeConstSpan(s.step_checks).subspan(checks)));
    optimizer.update();
  }

 private:
  Trainer& trainer_;
};

// One optimizer step over state.batch, which may turn out not to count.
void Trainer::train_batch(int64_t samples, int64_t tokens) {
  const Batch whole = state_.batch;
  if (step_start_) step_start_->save();
  step_guard_->run(whole, samples, tokens, [&] { take_step(whole); });
  state_.evaluation = 0;
}

// The loss is a closure, so that an optimizer that looks at it twice may ask again.
void Trainer::take_step(const Batch& whole) {
  State& s = state_;
  const LossClosure closure = [&] { return forward_backward(whole); };
  if (s.optimizers.size() == 1) {
    s.optimizers.front()->step(closure);
  } else if (closure().defined()) {
    for (const auto& optimizer : s.optimizers) optimizer->update();
  }
  s.grad_scaler->update();
}

// The loss of the whole batch and its gradients, ready for the optimizers. Undefined when the model
// updated itself.
at::Tensor Trainer::forward_backward(const Batch& whole) {
  State& s = state_;
  at::Tensor loss;
  do {
    if (s.auto_microbatch_size) {
      find_microbatch_size(s, whole, evaluation_start(), [&] { compute_gradients(whole); });
    } else {
      compute_gradients(whole);
    }
    if (s.loss.empty()) return {};
    s.gradient_reducer->finish(s.optimizers);
    for (const auto& optimizer : s.optimizers) check_gradients(*optimizer);
    engine_.run(Event::kAfterTrainBatch);
    loss = s.loss.total();
    step_guard_->check_loss(loss, logger_.due());
  } while (settle() == StepGuard::Verdict::kSkipped);
  const at::Tensor failed = step_guard_->failed();
  for (const auto& optimizer : s.optimizers) optimizer->set_found_inf(failed);
  return loss;
}

// What became of the step before, where that is known only now.
StepGuard::Verdict Trainer::settle() {
  const StepGuard::Verdict verdict = step_guard_->settle();
  if (verdict != StepGuard::Verdict::kCounts) set_learning_rates();
  return verdict;
}

void Trainer::make_step_start() {
  step_start_.reset();
  evaluation_start_.reset();
  if (state_.auto_microbatch_size || step_guard_->watches()) {
    step_start_.emplace(*state_.model, state_.device);
  }
}

// That of the step for its first evaluation of the loss.
StepStart& Trainer::evaluation_start() {
  if (state_.evaluation == 0) return *step_start_;
  if (!evaluation_start_) evaluation_start_.emplace(*state_.model, state_.device);
  evaluation_start_->save();
  return *evaluation_start_;
}

void Trainer::compute_gradients(const Batch& whole) {
  State& s = state_;
  ++s.evaluation;
  s.step_checks.clear();
  engine_.run(Event::kBeforeTrainBatch);
  s.loss = accumulate_gradients(whole);
}

// Takes the scale out of the gradients and notes whether they are finite.
void Trainer::check_gradients(Optimizer& optimizer) {
  State& s = state_;
  at::Tensor found_inf = s.grad_scaler->unscale(optimizer);
  if (!found_inf.defined()) return;
  s.step_checks.push_back({.reason = "a gradient is not finite",
                           .failed = std::move(found_inf),
                           .expected = s.grad_scaler->expects_overflow()});
}

// Adds up the gradients of the batch's microbatches, each with its weight, and returns the loss of
// the whole, without its graph; empty when the model updated itself.
Loss Trainer::accumulate_gradients(const Batch& whole) {
  State& s = state_;
  for (const auto& optimizer : s.optimizers) optimizer->zero_grad();

  const Microbatches parts(whole, s.device_train_microbatch_size,
                           accumulate_on_tokens_ ? s.model.get() : nullptr);
  const bool measure = logger_.due() && !s.train_metrics.empty();
  if (measure) s.train_metrics.reset();

  Step step(*this);
  Loss total;
  bool updated_itself = false;
  for (int64_t i = 0; i < parts.count(); ++i) {
    s.microbatch = i;
    s.batch = parts[i];
    if (!is_on(s.device, s.batch)) s.batch = s.batch.to(s.device);
    s.outputs = {};
    s.loss = {};
    const Batch clean = measure ? s.batch : Batch();
    s.gradient_reducer->prepare(i == parts.last_weighted() && !s.auto_microbatch_size);

    s.loss = step.run();
    TORCH_CHECK_VALUE(i == 0 || s.loss.empty() == updated_itself,
                      "train_step returned a loss for some microbatches of a batch and none for "
                      "others; it must do the same for all");
    updated_itself = s.loss.empty();
    if (updated_itself) {
      check_repeatable_update(s);
    } else if (parts.weight(i) == 0) {
      total.add(zero_loss(s.loss));
    } else {
      engine_.run(Event::kBeforeBackward);
      const at::Tensor loss = s.loss.total();
      step.backward(parts.count() > 1 ? loss * parts.weight(i) : loss);
      engine_.run(Event::kAfterBackward);
      if (parts.count() > 1) {
        total.add(s.loss.detached().scaled(parts.weight(i)));
      } else {
        total = s.loss.detached();
      }
    }
    if (measure) update_train_metrics(clean);
  }
  s.microbatch = 0;
  s.batch = whole;
  return total;
}
// The outputs of the step against the batch as the loader gave it. A model that updated itself
// without outputs is asked again.
void Trainer::update_train_metrics(const Batch& clean) {
  State& s = state_;
  const at::NoGradGuard no_grad;
  const AutocastScope autocast(s.precision, s.device);
  if (s.outputs.empty()) {
    const EvaluationMode evaluation(*s.model);
    s.outputs = s.model->eval_forward(clean);
  }
  for (auto& [name, metric] : s.train_metrics) s.model->update_metric(*metric, s.outputs, clean);
}

}  // namespace composer
