#include <ATen/core/grad_mode.h>

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/generator_states.h"
#include "composer/base/status.h"
#include "composer/core/autocast.h"
#include "composer/core/evaluation_mode.h"
#include "composer/core/model.h"
#include "composer/trainer/due.h"
#include "composer/trainer/trainer.h"

namespace composer {
namespace {

// The model in evaluation mode, another loader in the state; all as before on destruction.
class EvaluationScope {
 public:
  EvaluationScope(State& state, DataLoader& data, const std::string& label, int64_t subset)
      : state_(state),
        dataloader_(state.dataloader),
        label_(state.dataloader_label),
        length_(state.dataloader_length),
        evaluation_mode_(*state.model) {
    state.dataloader = &data;
    state.dataloader_label = label;
    state.dataloader_length = data.batches_per_epoch();
    if (subset > 0) {
      state.dataloader_length =
          std::min(subset, state.dataloader_length.value_or(std::numeric_limits<int64_t>::max()));
    }
  }

  ~EvaluationScope() {
    state_.dataloader = dataloader_;
    state_.dataloader_label = label_;
    state_.dataloader_length = length_;
    state_.batch = {};
    state_.outputs = {};
  }

  EvaluationScope(const EvaluationScope&) = delete;
  EvaluationScope& operator=(const EvaluationScope&) = delete;

 private:
  const at::NoGradGuard no_grad_;
  State& state_;
  DataLoader* const dataloader_;
  const std::string label_;
  const std::optional<int64_t> length_;
  const EvaluationMode evaluation_mode_;
};

}  // namespace

// Those that are done already when an interrupted evaluation is taken up again are left out.
void Trainer::run_due_evaluators(Event event, const Timestamp& before) {
  State& s = state_;
  std::vector<BoundEvaluator*> due_now;
  for (BoundEvaluator& evaluator : evaluators_) {
    if (evaluator.interval.value() <= 0 || evaluator.evaluated_at == s.timestamp.batch) continue;
    if (event == Event::kFitEnd || is_due(evaluator.interval, event, s, before)) {
      due_now.push_back(&evaluator);
    }
  }
  if (due_now.empty()) return;
  if (!s.interrupted) {
    settle();
    engine_.run(Event::kEvalBeforeAll);
    for (BoundEvaluator* evaluator : due_now) {
      // What an interrupted evaluation draws, it draws again.
      const GeneratorStates generators(s.device);
      evaluator->evaluated_at = s.timestamp.batch;
      evaluate(*evaluator);
      if (evaluator->evaluated_at < 0) generators.restore();
      if (s.interrupted) break;
    }
    return_to_training();
    engine_.run(Event::kEvalAfterAll);
  }
  if (s.interrupted && event != Event::kFitEnd) pending_evaluation_ = {event, before};
}

void Trainer::return_to_training() {
  State& s = state_;
  if (s.train_dataloader == nullptr) return;
  s.train_dataloader->seek(s.timestamp.epoch, s.timestamp.batch_in_epoch);
}

MetricValues Trainer::evaluate(BoundEvaluator& evaluator) {
  State& s = state_;
  const EvaluationScope scope(s, *evaluator.options.data, evaluator.options.label,
                              evaluator.options.subset_num_batches);
  s.eval_timestamp = {};
  evaluator.metrics.reset();
  engine_.run(Event::kEvalStart);
  s.dataloader->seek(0, 0);
  while (std::optional<Batch> next = next_batch(s.eval_timestamp.batch)) {
    s.batch = next->to(s.device);
    engine_.run(Event::kEvalBatchStart);
    {
      const AutocastScope autocast(s.precision, s.device);
      engine_.run(Event::kEvalBeforeForward);
      s.outputs = in_model("eval_forward", [&] { return s.model->eval_forward(s.batch); });
      engine_.run(Event::kEvalAfterForward);
      in_model("update_metric", [&] {
        for (auto& [name, metric] : evaluator.metrics) {
          s.model->update_metric(*metric, s.outputs, s.batch);
        }
      });
    }
    s.eval_timestamp = s.eval_timestamp.next_batch(s.batch.num_samples(), s.batch.num_tokens());
    engine_.run(Event::kEvalBatchEnd);
    if (s.interrupted) break;
  }
  if (s.interrupted) {
    evaluator.evaluated_at = -1;
    // Whoever has changed something for the evaluation puts it back, and finds no values: those of
    // the evaluation before are not this one's.
    auto former = s.eval_metrics.extract(evaluator.options.label);
    engine_.run(Event::kEvalEnd);
    if (!former.empty()) s.eval_metrics.insert(std::move(former));
    return {};
  }
  MetricValues values = evaluator.metrics.compute();
  for (const auto& [name, value] : values) {
    logger_.log_metric(absl::StrCat("metrics/", evaluator.options.label, "/", name), value);
  }
  if (const int64_t skipped = s.dataloader->skipped_samples(); skipped > 0) {
    logger_.log_metric(absl::StrCat("data/", evaluator.options.label, "/skipped_samples"),
                       static_cast<double>(skipped));
  }
  s.eval_metrics[evaluator.options.label] = values;
  engine_.run(Event::kEvalEnd);
  logger_.flush(s.timestamp);
  return values;
}

absl::Status Trainer::not_interrupted() const {
  if (!state_.interrupted) return absl::OkStatus();
  return absl::CancelledError(absl::StrCat("stopped by ", *state_.stop_reason));
}

absl::StatusOr<std::map<std::string, MetricValues>> Trainer::eval() {
  std::map<std::string, MetricValues> results;
  const absl::Status status = catch_exceptions([&]() -> absl::Status {
    if (evaluators_.empty()) {
      return absl::FailedPreconditionError(
          "there is nothing to evaluate on: give the trainer evaluators, or pass them to eval");
    }
    state_.forget_stop();
    engine_.run(Event::kEvalStandaloneStart);
    for (BoundEvaluator& evaluator : evaluators_) {
      results[evaluator.options.label] = evaluate(evaluator);
      COMPOSER_RETURN_IF_ERROR(not_interrupted());
    }
    return_to_training();
    engine_.run(Event::kEvalStandaloneEnd);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return results;
}

absl::StatusOr<std::map<std::string, MetricValues>> Trainer::eval(
    std::vector<Evaluator> evaluators) {
  std::vector<BoundEvaluator> bound;
  for (Evaluator& evaluator : evaluators) {
    absl::StatusOr<BoundEvaluator> result = bind(std::move(evaluator));
    if (!result.ok()) return result.status();
    bound.push_back(*std::move(result));
  }
  evaluators_.swap(bound);
  auto results = eval();
  evaluators_.swap(bound);
  return results;
}

absl::StatusOr<std::vector<Outputs>> Trainer::predict(DataLoader& data,
                                                      const PredictOptions& options) {
  std::vector<Outputs> results;
  const absl::Status status = catch_exceptions([&] {
    State& s = state_;
    const EvaluationScope scope(s, data, "predict", options.subset_num_batches);
    s.predict_timestamp = {};
    data.set_stop_waiting(stop_waiting_);
    s.forget_stop();
    engine_.run(Event::kPredictStart);
    s.dataloader->seek(0, 0);
    while (std::optional<Batch> next = next_batch(s.predict_timestamp.batch)) {
      s.batch = next->to(s.device);
      engine_.run(Event::kPredictBatchStart);
      {
        const AutocastScope autocast(s.precision, s.device);
        engine_.run(Event::kPredictBeforeForward);
        s.outputs = in_model("eval_forward", [&] { return s.model->eval_forward(s.batch); });
        engine_.run(Event::kPredictAfterForward);
      }
      Outputs outputs;
      for (const auto& [name, tensor] : s.outputs) outputs.set(name, upcast_half(tensor.cpu()));
      if (options.sink) {
        options.sink(outputs);
      } else {
        results.push_back(std::move(outputs));
      }
      s.predict_timestamp =
          s.predict_timestamp.next_batch(s.batch.num_samples(), s.batch.num_tokens());
      engine_.run(Event::kPredictBatchEnd);
      if (s.interrupted) break;
    }
    throw_if_error(not_interrupted());
    engine_.run(Event::kPredictEnd);
  });
  if (status.ok()) return_to_training();
  if (!status.ok()) return status;
  return results;
}

}  // namespace composer
