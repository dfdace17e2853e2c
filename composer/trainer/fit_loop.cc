#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "composer/core/autocast.h"
#include "composer/core/evaluation_mode.h"
#include "composer/core/model.h"
#include "composer/trainer/microbatches.h"
#include "composer/trainer/pure_bf16.h"
#include "composer/trainer/trainer.h"

namespace composer {
namespace {

bool is_on(at::Device device, const Batch& batch) {
  return std::all_of(batch.begin(), batch.end(),
                     [&](const auto& entry) { return entry.second.device() == device; });
}

}  // namespace

// The training loop. Every event stands here, in order, and nothing else happens between two of
// them than what the lines say.
void Trainer::fit_loop() {
  State& s = state_;
  engine_.run(Event::kFitStart);
  logger_.flush(s.timestamp);
  make_step_start();
  s.model->train();
  while (!done()) {
    if (s.timestamp.batch_in_epoch == 0) {  // not when going on inside an epoch
      if (s.timestamp.epoch_in_iteration == 0) engine_.run(Event::kIterationStart);
      engine_.run(Event::kEpochStart);
      logger_.flush(s.timestamp);
    }
    s.dataloader->seek(s.timestamp.epoch, s.timestamp.batch_in_epoch);
    bool exhausted = false;
    while (!done()) {
      const auto start = std::chrono::steady_clock::now();
      const Timestamp before = s.timestamp;
      engine_.run(Event::kBeforeDataloader);
      std::optional<Batch> next = next_train_batch();
      const auto waited = std::chrono::steady_clock::now() - start;
      if (!next) {
        exhausted = true;
        break;
      }
      s.batch = *std::move(next);
      engine_.run(Event::kAfterDataloader);
      // Counted here, so that the clock counts what is trained on.
      const int64_t samples = s.batch.num_samples();
      const int64_t tokens = s.batch.num_tokens();
      logger_.begin_step(before, before.next_batch(samples, tokens));
      set_learning_rates();
      engine_.run(Event::kBatchStart);

      train_batch(samples, tokens);
      log_step();

      const auto taken = std::chrono::steady_clock::now() - start;
      s.timestamp = before.next_batch(samples, tokens, absl::FromChrono(taken));
      log_data(waited, taken);
      engine_.run(Event::kBatchEnd);
      logger_.flush(s.timestamp);
      run_due_evaluators(Event::kBatchEnd, before);
      engine_.run(Event::kBatchCheckpoint);
    }
    settle();
    if (exhausted && s.timestamp.batch_in_epoch == 0) break;  // a loader without batches
    // A stop on the last batch of an epoch ends the epoch too.
    if (!exhausted && s.timestamp.batch_in_epoch != s.dataloader_length) break;

    const Timestamp before = s.timestamp;
    s.timestamp = before.next_epoch();
    engine_.run(Event::kEpochEnd);
    logger_.flush(s.timestamp);
    run_due_evaluators(Event::kEpochEnd, before);
    engine_.run(Event::kEpochCheckpoint);
    if (iteration_length_ && s.timestamp.epoch_in_iteration >= iteration_length_->value()) {
      s.timestamp = s.timestamp.next_iteration();
      engine_.run(Event::kIterationEnd);
      engine_.run(Event::kIterationCheckpoint);
    }
  }
  engine_.run(Event::kFitEnd);
  logger_.flush(s.timestamp);
  run_due_evaluators(Event::kFitEnd, s.timestamp);
}

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

void Trainer::log_step() {
  State& s = state_;
  if (!logger_.due()) return;
  bool has_total = false;
  for (const auto& [name, term] : s.loss.terms()) {
    logger_.log_metric(absl::StrCat("loss/train/", name), term);
    has_total = has_total || name == "total";
  }
  if (!has_total && !s.loss.empty()) logger_.log_metric("loss/train/total", s.loss.total());
  if (s.skipped.batches > 0) {
    logger_.log_metric("trainer/skipped_steps", static_cast<double>(s.skipped.batches));
  }
  for (const auto& [name, value] : s.train_metrics.compute()) {
    logger_.log_metric(absl::StrCat("metrics/train/", name), value);
  }
  if (s.auto_microbatch_size) {
    logger_.log_metric("trainer/device_train_microbatch_size",
                       static_cast<double>(microbatch_samples(s, s.batch.num_samples())));
  }
}

// The part of the time of the steps since the last logged one in which training waited for its
// batch, and how many samples the batches are short of.
void Trainer::log_data(Duration waited, Duration taken) {
  data_waited_ += waited;
  steps_taken_ += taken;
  if (!logger_.due()) return;
  const std::chrono::duration<double> all_waited = data_waited_, all_taken = steps_taken_;
  if (steps_taken_ > Duration::zero()) {
    logger_.log_metric("time/data_wait_fraction", all_waited / all_taken);
  }
  data_waited_ = steps_taken_ = Duration::zero();
  const int64_t skipped = state_.dataloader->skipped_samples();
  if (skipped > 0) logger_.log_metric("data/skipped_samples", static_cast<double>(skipped));
}

bool Trainer::done() const {
  return state_.stop_requested() || reached(state_.timestamp, *state_.max_duration);
}

std::optional<Batch> Trainer::next_train_batch() {
  const State& s = state_;
  if (s.dataloader_length && s.timestamp.batch_in_epoch >= *s.dataloader_length) return {};
  return in_precision(s.dataloader->next(), s.precision);
}

}  // namespace composer
