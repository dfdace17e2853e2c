#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/checkpoint/checkpoint.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/core/model.h"
#include "composer/core/snapshot.h"
#include "composer/core/stateful_list.h"
#include "composer/trainer/trainer.h"

namespace composer {
namespace {

RunConditions conditions_of(const State& state) {
  return RunConditions::present(c10::DeviceTypeName(state.device.type(), /*lower_case=*/true),
                                state.world_size);
}

}  // namespace

absl::Status Trainer::set_up_checkpoints(TrainerOptions& options) {
  config_text_ = options.config_text;
  max_rollbacks_ = options.max_consecutive_skips;
  if (!options.checkpoints) {
    if (options.on_bad_step != OnBadStep::kRollback) return absl::OkStatus();
    return field_error("bad_steps.policy",
                       "goes back to a checkpoint, and this trainer saves none; set "
                       "TrainerOptions::checkpoints");
  }
  CheckpointOptions& checkpoints = *options.checkpoints;
  for (size_t i = 0; i < checkpoints.milestones.size(); ++i) {
    const absl::StatusOr<Time> time = Time::parse(checkpoints.milestones[i]);
    const std::string field = absl::StrCat("checkpoints.milestones[", i, "]");
    if (!time.ok()) return in_field(field, time.status());
    if (time->value() <= 0 || time->unit() == TimeUnit::kDuration) {
      return field_error(field, absl::StrCat("must be above zero and not in dur, it is \"",
                                             checkpoints.milestones[i], "\""));
    }
    checkpoints.saver.retention.milestones.push_back(*time);
  }
  COMPOSER_ASSIGN_OR_RETURN(save_schedule_,
                            CheckpointSchedule::create(checkpoints.interval, checkpoints.at_end));
  stop_on_failed_save_ = checkpoints.stop_on_failure;
  checkpoint_folder_ = checkpoints.saver.folder;
  auto saver = CheckpointSaver::create(std::move(checkpoints.saver));
  if (!saver.ok()) return in_field("checkpoints.name", saver.status());
  saver_ = *std::move(saver);
  return absl::OkStatus();
}

void Trainer::save_if_due(Event event, const Timestamp& before) {
  if (!saver_) return;
  const bool epoch_ends = event == Event::kBatchCheckpoint && epoch_is_over();
  const bool ends =
      done() || (epoch_ends && reached(state_.timestamp.next_epoch(), *state_.max_duration));
  if (!save_schedule_.due(event, state_, before, ends, epoch_ends)) return;
  const absl::Status status = save_checkpoint();
  if (status.ok()) return;
  if (stop_on_failed_save_) throw_if_error(annotate("a checkpoint could not be saved", status));
  LOG(ERROR) << "a checkpoint could not be saved, training goes on: " << status.message();
}

absl::Status Trainer::save_checkpoint() {
  // Only what counts is saved.
  settle();
  save_schedule_.note_saved(state_.timestamp);
  StateDict state = live_state();
  state.set("loggers", states_of(logger_.destinations()));
  return saver_->save({.state = std::move(state),
                       .config_text = config_text_,
                       .huggingface_config = state_.model->huggingface_config(),
                       .conditions = conditions_of(state_),
                       .time = state_.timestamp,
                       .metrics = newest_metrics()});
}

// By the names in logs; of evaluations also where nobody logs.
std::map<std::string, double> Trainer::newest_metrics() const {
  std::map<std::string, double> metrics = logger_.newest();
  for (const auto& [label, values] : state_.eval_metrics) {
    for (const auto& [name, value] : values) {
      metrics[absl::StrCat("metrics/", label, "/", name)] = value;
    }
  }
  return metrics;
}

StateDict Trainer::live_state() const {
  StateDict state = live_snapshot(state_);
  StateDict loop;
  if (pending_evaluation_) {
    loop.set("pending_event", event_name(pending_evaluation_->event));
    loop.set("pending_before", to_state_dict(pending_evaluation_->before));
  }
  if (state_.stop_is_final) loop.set("stop_reason", *state_.stop_reason);
  loop.set("bad_steps_in_a_row", step_guard_->consecutive());
  StateDict evaluated_at, eval_metrics;
  for (const BoundEvaluator& evaluator : evaluators_) {
    evaluated_at.set(evaluator.options.label, evaluator.evaluated_at);
  }
  for (const auto& [label, metrics] : state_.eval_metrics) {
    StateDict values;
    for (const auto& [name, value] : metrics) values.set(name, value);
    eval_metrics.set(label, std::move(values));
  }
  loop.set("evaluated_at", std::move(evaluated_at));
  loop.set("eval_metrics", std::move(eval_metrics));
  state.set("loop", std::move(loop));
  return state;
}

absl::Status Trainer::load_loop(const StateDict& loop) {
  COMPOSER_ASSIGN_OR_RETURN(const int64_t bad_steps, loop.integer("bad_steps_in_a_row"));
  step_guard_->forget(bad_steps);
  if (const auto event = loop.string("pending_event"); event.ok()) {
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* before, loop.child("pending_before"));
    COMPOSER_ASSIGN_OR_RETURN(const Timestamp time, timestamp_from(*before));
    const bool batch = *event == event_name(Event::kBatchEnd);
    pending_evaluation_ = {batch ? Event::kBatchEnd : Event::kEpochEnd, time};
  }
  state_.forget_stop();
  if (const auto reason = loop.string("stop_reason"); reason.ok()) state_.stop_training(*reason);
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* evaluated_at, loop.child("evaluated_at"));
  for (BoundEvaluator& evaluator : evaluators_) {
    const auto batch = evaluated_at->integer(evaluator.options.label);
    evaluator.evaluated_at = batch.ok() ? *batch : -1;
  }
  state_.eval_metrics.clear();
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* eval_metrics, loop.child("eval_metrics"));
  for (const auto& [label, values] : eval_metrics->children()) {
    state_.eval_metrics[label] = {values.numbers().begin(), values.numbers().end()};
  }
  return absl::OkStatus();
}

StateDict Trainer::state_dict() const { return live_state().cloned(); }

absl::Status Trainer::load_state_dict(const StateDict& state) {
  return catch_exceptions([&]() -> absl::Status {
    COMPOSER_RETURN_IF_ERROR(restore(state_, state));
    step_guard_->forget();
    pending_evaluation_.reset();
    // composer::snapshot has none.
    if (const auto loop = state.child("loop"); loop.ok()) {
      COMPOSER_RETURN_IF_ERROR(annotate("loop", load_loop(**loop)));
    }
    resumed_ = true;
    return absl::OkStatus();
  });
}

absl::Status Trainer::load_checkpoint(const Checkpoint& checkpoint) {
  return catch_exceptions([&]() -> absl::Status {
    engine_.run(Event::kBeforeLoad);
    COMPOSER_RETURN_IF_ERROR(load_state_dict(checkpoint.state));
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* loggers, checkpoint.state.child("loggers"));
    const auto destinations = logger_.destinations();
    if (loggers->children().size() != destinations.size()) {
      LOG(WARNING) << "the run had " << loggers->children().size() << " loggers and has "
                   << destinations.size()
                   << " now: they begin anew, and may repeat what is there already";
    } else {
      COMPOSER_RETURN_IF_ERROR(load_states(checkpoint.state, "loggers", destinations));
    }
    logger_.set_newest(checkpoint.metrics);
    save_schedule_.note_saved(state_.timestamp);
    for (const std::string& line : checkpoint.conditions.differences(conditions_of(state_))) {
      LOG(WARNING) << "not bit-equal to the unbroken run, for this is another one: " << line;
    }
    engine_.run(Event::kAfterLoad);
    return absl::OkStatus();
  });
}

// To the newest good checkpoint in all but the clock and the data, which go on behind the bad step.
absl::Status Trainer::roll_back(const Timestamp& bad_step, int64_t samples, int64_t tokens) {
  if (const absl::Status status = saver_->wait(); !status.ok()) {
    LOG(ERROR) << "a checkpoint could not be saved: " << status.message();
  }
  COMPOSER_ASSIGN_OR_RETURN(const NewestGood newest, newest_good_checkpoint(checkpoint_folder_));
  for (const std::string& line : newest.refused) LOG(WARNING) << "not taken: " << line;
  if (!newest.checkpoint) {
    return absl::FailedPreconditionError("there is no good checkpoint to go back to");
  }
  const std::string& path = newest.checkpoint->path;
  rollbacks_ = path == rolled_back_to_ ? rollbacks_ + 1 : 1;
  rolled_back_to_ = path;
  if (rollbacks_ > max_rollbacks_) {
    return absl::FailedPreconditionError(
        absl::StrCat("training went back to ", path, " ", max_rollbacks_, " times already"));
  }
  COMPOSER_ASSIGN_OR_RETURN(const Checkpoint checkpoint, read_checkpoint(path));
  State& s = state_;
  const Timestamp now = s.timestamp;
  COMPOSER_RETURN_IF_ERROR(restore(s, checkpoint.state));
  const Timestamp& then = checkpoint.time;
  s.timestamp = now;
  s.skipped.batches += bad_step.batch + 1 - then.batch;
  s.skipped.samples += bad_step.sample + samples - then.sample;
  s.skipped.tokens += bad_step.token + tokens - then.token;
  s.train_dataloader->seek(now.epoch, now.batch_in_epoch + 1);
  LOG(WARNING) << "went back to " << path << ", " << bad_step.batch + 1 - then.batch
               << " steps do not count; training goes on behind batch " << bad_step.batch;
  return absl::OkStatus();
}

}  // namespace composer
