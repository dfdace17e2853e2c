#pragma once

#include <ATen/core/Generator.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "composer/base/time.h"
#include "composer/core/algorithm.h"
#include "composer/core/callback.h"
#include "composer/core/data_loader.h"
#include "composer/core/grad_scaler.h"
#include "composer/core/gradient_reducer.h"
#include "composer/core/loss.h"
#include "composer/core/metric.h"
#include "composer/core/optimizer.h"
#include "composer/core/precision.h"
#include "composer/core/scheduler.h"
#include "composer/core/step_check.h"
#include "composer/core/tensor_dict.h"

namespace composer {

class ComposerModel;

/// Everything that algorithms and callbacks may see and change while training. Lent to them for the
/// call, never kept.
struct State {
  std::shared_ptr<ComposerModel> model;
  /// Empty until the model's surgery at `init` is done.
  std::vector<std::unique_ptr<Optimizer>> optimizers;
  std::vector<std::unique_ptr<Scheduler>> schedulers;
  std::vector<std::unique_ptr<Algorithm>> algorithms;
  std::vector<std::unique_ptr<Callback>> callbacks;
  /// Policies of the step; never null.
  std::unique_ptr<GradScaler> grad_scaler = std::make_unique<GradScaler>();
  std::unique_ptr<GradientReducer> gradient_reducer = std::make_unique<GradientReducer>();

  /// The loader in use, and what it is called in logs: "train", or an evaluator's label.
  DataLoader* dataloader = nullptr;
  /// The one that is trained on, also while another is in use.
  DataLoader* train_dataloader = nullptr;
  std::string dataloader_label;
  /// Batches of an epoch of `dataloader`, a subset's limit counted in; unknown for a stream.
  std::optional<int64_t> dataloader_length;

  /// What is being trained on or evaluated: the microbatch from before_forward to after_backward,
  /// the whole batch otherwise.
  Batch batch;
  Outputs outputs;
  /// Of the microbatch, unweighted, from after_loss to after_backward; of the whole batch, without
  /// its graph, from after_train_batch on.
  Loss loss;
  /// Why this step may not count. Until the update, that is in after_train_batch at the latest,
  /// algorithms and callbacks may add to it.
  std::vector<StepCheck> step_checks;

  Timestamp timestamp;
  /// Within the present call of eval or predict.
  Timestamp eval_timestamp;
  Timestamp predict_timestamp;
  /// Unset until `fit` knows it.
  std::optional<Time> max_duration;
  /// ScheduleClock::scale_ratio; `max_duration` is scaled already.
  double scale_schedule_ratio = 1;
  /// What steps took that did not count; schedules go by the others.
  struct Skipped {
    int64_t batches = 0;
    int64_t samples = 0;
    int64_t tokens = 0;
  };
  Skipped skipped;

  /// Computed in steps that log.
  MetricCollection train_metrics;
  /// The last values of each evaluator, under its label.
  std::map<std::string, MetricValues> eval_metrics;

  at::Device device = at::kCPU;
  Precision precision = Precision::kFp32;
  uint64_t seed = 0;
  int64_t rank = 0;
  int64_t world_size = 1;
  /// Samples of a microbatch, as found so far by `auto`; 0 for the whole batch.
  int64_t device_train_microbatch_size = 0;
  /// Whether that size is halved, and the batch repeated, when memory does not suffice for it.
  bool auto_microbatch_size = false;
  /// Which microbatch of the batch this is, from before_forward to after_backward.
  int64_t microbatch = 0;

  /// Ends training after the present batch; `reason` is logged. The first reason counts, but for
  /// those of interruptions.
  void stop_training(absl::string_view reason);
  bool stop_requested() const { return stop_reason.has_value(); }
  std::optional<std::string> stop_reason;
  /// Whether stop_training was called: then whoever takes up an interrupted run does not train on.
  bool stop_is_final = false;

  /// Ends the call of fit, eval or predict at the next boundary between two batches, to be taken up
  /// again later: what the run would still do at its end is not done. For signals.
  void interrupt(absl::string_view reason);
  bool interrupted = false;
  /// As if neither had been called.
  void forget_stop();

  /// The clock that algorithms with a part of the run as their setting go by.
  /// REQUIRES: max_duration is set.
  ScheduleClock clock() const;
  /// The clock that schedules go by: `clock` without the steps that did not count.
  ScheduleClock schedule_clock() const;
  /// How far training is, 0 to 1; moves with every batch.
  double elapsed_duration() const { return clock().elapsed_fraction(); }

  /// Random numbers for the algorithm or callback called `name`: a CPU generator seeded by seed,
  /// name, batch, microbatch and rank. So adding an algorithm moves no other's draws, a resumed run
  /// draws as the unbroken one, and a loss that is computed twice is the same loss. Calls within
  /// one microbatch continue one stream.
  at::Generator generator(absl::string_view name);

  struct Stream {
    at::Generator generator;
    int64_t batch = -1;
    int64_t microbatch = -1;
    int64_t evaluation = -1;
  };
  std::map<std::string, Stream, std::less<>> streams;
  /// Counts evaluations of the loss, so that a repeated one draws again from the start.
  int64_t evaluation = 0;
};

}  // namespace composer
