#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/base/exceptions.h"
#include "composer/base/time.h"
#include "composer/checkpoint/checkpoint_saver.h"
#include "composer/core/data_loader.h"
#include "composer/core/engine.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"
#include "composer/core/step_start.h"
#include "composer/trainer/checkpoint_schedule.h"
#include "composer/trainer/step_guard.h"
#include "composer/trainer/trainer_options.h"

namespace composer {

/// Owns the training loop: fires the events, on which algorithms and callbacks act. fit_loop.cc and
/// train_batch.cc show the loop and a step of it, every event in order.
///
/// Not thread-safe. Errors of the outside world and of the model come back as a Status that names
/// who failed, where, and at which batch.
class Trainer {
 public:
  /// Checks the options, runs surgery (`init`), makes the optimizers. InvalidArgument for options
  /// that cannot work together, with the names of what disagrees.
  static absl::StatusOr<std::unique_ptr<Trainer>> create(TrainerOptions options);
  ~Trainer();

  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Trains until max_duration, or until a callback asks for a stop. Can be called again, with more
  /// duration or with the time reset; goes on in the middle of an epoch where it stopped. When it
  /// was interrupted (State::interrupted), what it would have done at its end is left to the next
  /// call, or to that of a trainer that loads the checkpoint.
  absl::Status fit(FitOptions options = {});

  /// Forward, loss and backward of a batch at the present clock, as in a step of `fit`, events
  /// included; the gradients stay, and no optimizer uses them. A model that updates itself does so.
  absl::Status repeat_step(const Batch& batch);

  /// The metrics of each evaluator, by label; those of the options when none are given. The
  /// model's mode is as before afterwards.
  absl::StatusOr<std::map<std::string, MetricValues>> eval();
  absl::StatusOr<std::map<std::string, MetricValues>> eval(std::vector<Evaluator> evaluators);

  /// ComposerModel::eval_forward of each batch, on the CPU; what a model gives in half precision
  /// comes in float32.
  absl::StatusOr<std::vector<Outputs>> predict(DataLoader& data,
                                               const PredictOptions& options = {});

  /// What `fit` begins with, for each of State::schedulers: InvalidArgument, at a field relative to
  /// the scheduler, when it does not fit the run. REQUIRES: the duration is known.
  absl::Status check_scheduler(size_t index) const;

  /// All that a fresh trainer, made with the same options, needs to go on with the same bits. For a
  /// snapshot in the middle of `fit`, a callback calls composer::snapshot at batch_checkpoint.
  StateDict state_dict() const;
  absl::Status load_state_dict(const StateDict& state);

  /// Loads a checkpoint, so that the next `fit` goes on from it. What it says of its conditions is
  /// compared with the present ones, and a difference logged.
  absl::Status load_checkpoint(const Checkpoint& checkpoint);
  /// Saves a checkpoint when the present step, and its evaluations, are done.
  void request_save() { save_schedule_.request(); }
  /// Null without TrainerOptions::checkpoints.
  CheckpointSaver* saver() { return saver_.get(); }

  State& state() { return state_; }
  const State& state() const { return state_; }
  Logger& logger() { return logger_; }
  const Engine& engine() const { return engine_; }

  /// Ends callbacks and loggers, as the destructor does.
  void close() { engine_.close(); }

 private:
  class Step;
  using Duration = std::chrono::steady_clock::duration;
  // An Evaluator whose interval is parsed and whose metrics exist.
  struct BoundEvaluator {
    Evaluator options;
    Time interval;
    MetricCollection metrics;
    // Timestamp::batch of the last evaluation inside fit.
    int64_t evaluated_at = -1;
  };
  // Evaluators that are due, or some of them, since an interruption came first.
  struct PendingEvaluation {
    Event event;
    Timestamp before;
  };

  explicit Trainer(TrainerOptions& options);

  // Calls `function`, a part of the model, and puts which and where in front of what it throws.
  template <typename Function>
  decltype(auto) in_model(const char* part, Function&& function) const {
    return in_context([&] { return model_context(part); }, function);
  }
  std::string model_context(const char* part) const;

  // trainer.cc
  absl::Status set_up(TrainerOptions& options);
  absl::Status make_optimizers(std::vector<OptimizerFactory>& factories);
  absl::StatusOr<BoundEvaluator> bind(Evaluator evaluator) const;
  absl::Status begin_fit(FitOptions& options);
  void set_train_loader();
  void set_learning_rates();
  void log_hyperparameters();

  // fit_loop.cc
  void fit_loop();
  void take_up();
  void finish_batch(const Timestamp& before);
  void end_epoch();
  void finish_epoch(const Timestamp& before);
  bool epoch_is_over() const;
  void log_step();
  void log_data(Duration waited, Duration taken);
  bool done() const;
  std::optional<Batch> next_batch(int64_t position);

  // train_batch.cc
  void make_step_start();
  void train_batch(int64_t samples, int64_t tokens);
  void take_step(const Batch& whole);
  at::Tensor forward_backward(const Batch& whole);
  StepGuard::Verdict settle();
  StepStart& evaluation_start();
  void compute_gradients(const Batch& whole);
  Loss accumulate_gradients(const Batch& whole);
  void check_gradients(Optimizer& optimizer);
  void update_train_metrics(const Batch& clean);

  // eval_loop.cc
  void run_due_evaluators(Event event, const Timestamp& before);
  MetricValues evaluate(BoundEvaluator& evaluator);
  // The loader that is trained on may have been evaluated on, too.
  void return_to_training();
  absl::Status not_interrupted() const;

  // checkpoints.cc
  absl::Status set_up_checkpoints(TrainerOptions& options);
  void save_if_due(Event event, const Timestamp& before);
  absl::Status save_checkpoint();
  std::map<std::string, double> newest_metrics() const;
  StateDict live_state() const;
  absl::Status load_loop(const StateDict& loop);
  absl::Status roll_back(const Timestamp& bad_step, int64_t samples, int64_t tokens);

  State state_;
  Logger logger_;
  Engine engine_;
  std::shared_ptr<DataLoader> train_;
  int64_t train_subset_num_batches_;
  bool accumulate_on_tokens_;
  std::function<bool()> stop_waiting_;
  std::optional<Time> iteration_length_;
  std::vector<BoundEvaluator> evaluators_;
  // Where a step can be repeated: how it began, and how the present evaluation of the loss did
  // where an optimizer asks for several.
  std::optional<StepStart> step_start_;
  std::optional<StepStart> evaluation_start_;
  // Made when the model is complete.
  std::optional<StepGuard> step_guard_;
  std::optional<PendingEvaluation> pending_evaluation_;
  // A checkpoint was loaded: what training has left to do may be its end alone.
  bool resumed_ = false;
  // Null when none are saved.
  std::unique_ptr<CheckpointSaver> saver_;
  CheckpointSchedule save_schedule_;
  bool stop_on_failed_save_ = false;
  std::string checkpoint_folder_;
  std::string config_text_;
  // Where a bad step went back to last, how often in a row, and how often at most.
  std::string rolled_back_to_;
  int64_t rollbacks_ = 0;
  int64_t max_rollbacks_ = 0;
  // Since the last logged step.
  Duration data_waited_ = Duration::zero();
  Duration steps_taken_ = Duration::zero();
};

}  // namespace composer
