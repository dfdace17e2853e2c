#include <chrono>

#include "absl/strings/str_cat.h"
#include "composer/trainer/microbatches.h"
#include "composer/trainer/pure_bf16.h"
#include "composer/trainer/trainer.h"

namespace composer {

// The training loop. Every event stands here, in order, and nothing else happens between two of
// them than what the lines say.
void Trainer::fit_loop() {
  State& s = state_;
  engine_.run(Event::kFitStart);
  logger_.flush(s.timestamp);
  make_step_start();
  s.model->train();
  take_up();
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
      std::optional<Batch> next = next_batch(s.timestamp.batch_in_epoch);
      const auto waited = std::chrono::steady_clock::now() - start;
      if (s.interrupted) break;
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
      finish_batch(before);
    }
    settle();
    if (s.interrupted) break;
    if (exhausted && s.timestamp.batch_in_epoch == 0) break;  // a loader without batches
    // A stop on the last batch of an epoch ends the epoch too.
    if (!exhausted && !epoch_is_over()) break;
    end_epoch();
  }
  // The rest is for whoever takes the run up again.
  if (s.interrupted) return save_if_due(Event::kBatchCheckpoint, s.timestamp);
  engine_.run(Event::kFitEnd);
  logger_.flush(s.timestamp);
  run_due_evaluators(Event::kFitEnd, s.timestamp);
}

// What a run that was interrupted, or that is resumed, has still to do before its next batch.
void Trainer::take_up() {
  if (pending_evaluation_) {
    const auto [event, before] = *std::exchange(pending_evaluation_, std::nullopt);
    event == Event::kBatchEnd ? finish_batch(before) : finish_epoch(before);
  }
  if (!state_.interrupted && done() && epoch_is_over()) end_epoch();
}

void Trainer::finish_batch(const Timestamp& before) {
  run_due_evaluators(Event::kBatchEnd, before);
  if (!pending_evaluation_) engine_.run(Event::kBatchCheckpoint);
  save_if_due(Event::kBatchCheckpoint, before);
}

void Trainer::end_epoch() {
  const Timestamp before = state_.timestamp;
  state_.timestamp = before.next_epoch();
  engine_.run(Event::kEpochEnd);
  logger_.flush(state_.timestamp);
  finish_epoch(before);
}

void Trainer::finish_epoch(const Timestamp& before) {
  State& s = state_;
  run_due_evaluators(Event::kEpochEnd, before);
  if (!pending_evaluation_) engine_.run(Event::kEpochCheckpoint);
  if (!pending_evaluation_ && iteration_length_ &&
      s.timestamp.epoch_in_iteration >= iteration_length_->value()) {
    s.timestamp = s.timestamp.next_iteration();
    engine_.run(Event::kIterationEnd);
    engine_.run(Event::kIterationCheckpoint);
  }
  save_if_due(Event::kEpochCheckpoint, before);
}

bool Trainer::epoch_is_over() const {
  return state_.timestamp.batch_in_epoch > 0 &&
         state_.timestamp.batch_in_epoch == state_.dataloader_length;
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

// Nothing at the end of the loader, after the limit on its batches, and when the wait for one was
// interrupted.
std::optional<Batch> Trainer::next_batch(int64_t position) {
  State& s = state_;
  if (s.dataloader_length && position >= *s.dataloader_length) return {};
  std::optional<Batch> batch;
  try {
    batch = s.dataloader->next();
  } catch (const StatusError& error) {
    if (!absl::IsCancelled(error.status())) throw;
    s.interrupt(error.status().message());
    return {};
  }
  return in_precision(std::move(batch), s.precision);
}

}  // namespace composer
