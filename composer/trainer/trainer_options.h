#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "composer/checkpoint/checkpoint_saver.h"
#include "composer/core/data_loader.h"
#include "composer/core/engine.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"
#include "composer/trainer/step_guard.h"

namespace composer {

class ComposerModel;

/// As device_train_microbatch_size: starts with the whole batch and halves the microbatches as
/// often as memory does not suffice, repeating the batch as if nothing had happened (see
/// microbatches.h). Not for models that update themselves.
inline constexpr int64_t kAutoMicrobatchSize = -1;

/// A data set that the model is measured on.
struct Evaluator {
  /// Names the metrics: metrics/LABEL/NAME.
  std::string label = "eval";
  std::shared_ptr<DataLoader> data = nullptr;
  /// The model's metrics whose names contain one of these, in any case; all when empty.
  std::vector<std::string> metric_names = {};
  /// How often, inside `fit`, and once more at its end. "0ep" is never.
  std::string interval = "1ep";
  /// Batches, at most; 0 for all.
  int64_t subset_num_batches = 0;
};

/// When checkpoints are saved; how, and which stay, is CheckpointSaver's.
struct CheckpointOptions {
  CheckpointSaverOptions saver;
  /// How often: "1ep", "500ba", "30m", "0.1dur". "0ep" is never, but for signals and the end.
  std::string interval = "1ep";
  /// Saves one when training ends, before fit_end.
  bool at_end = true;
  /// Beside those that saver.retention keeps, the first one at or after every multiple of these
  /// times.
  std::vector<std::string> milestones = {};
  /// Whether a save that fails ends the run; it is an error in the log otherwise.
  bool stop_on_failure = false;
};

/// What a Trainer is made of. Designated initialisers read like keyword arguments:
///
///   Trainer::create({.model = model, .train = loader, .max_duration = "10ep",
///                    .optimizers = {sgd({.lr = 0.1})}});
struct TrainerOptions {
  std::shared_ptr<ComposerModel> model = nullptr;

  /// What is trained on; may be given to `fit` instead.
  std::shared_ptr<DataLoader> train = nullptr;
  /// Batches of an epoch, at most; 0 for all.
  int64_t train_subset_num_batches = 0;
  /// "10ep", "5000ba", "1e6sp", "2e9tok" or "30m"; may be left to `fit`'s duration.
  std::string max_duration = {};
  /// Makes the run this much longer or shorter, and every time of its schedules with it:
  /// `max_duration` and times such as "10ep" are multiplied by it, "0.1dur" follows by itself.
  double scale_schedule_ratio = 1;
  /// Groups epochs into iterations, for callbacks: "5ep".
  std::string iteration_length = {};

  std::vector<Evaluator> evaluators = {};

  /// Factories, because the parameters are known only after surgery at `init`. Several train the
  /// same loss, each its own parameters; a GAN's model steps them in its train_step.
  std::vector<OptimizerFactory> optimizers = {};
  std::vector<std::unique_ptr<Scheduler>> schedulers = {};
  std::vector<std::unique_ptr<Algorithm>> algorithms = {};
  std::vector<AlgorithmPass> algorithm_passes = {};
  std::vector<std::unique_ptr<Callback>> callbacks = {};
  std::vector<std::unique_ptr<LoggerDestination>> loggers = {};

  /// Samples of a microbatch; 0 for the whole batch; kAutoMicrobatchSize.
  int64_t device_train_microbatch_size = 0;
  /// What a microbatch's loss weighs: its share of the batch's samples, or of the tokens that its
  /// mean is over (ComposerModel::num_loss_tokens), so that the gradient is that of the batch's
  /// mean over tokens. Tokens are counted on the host, which waits for a batch on a GPU.
  bool accumulate_train_batch_on_tokens = false;

  /// A regular expression for the names of the layers that backward computes a second time instead
  /// of keeping what it needs of them; none when empty. See checkpoint_activations, which is called
  /// after `init`.
  std::string activation_checkpointing = {};

  /// Called when the algorithms have changed the model at `init`, for weights that fit it only now.
  std::function<absl::Status(ComposerModel& model)> after_init = nullptr;

  at::Device device = at::kCPU;
  /// What a step, an evaluation and a prediction compute in.
  Precision precision = Precision::kFp32;
  /// Takes a half precision also where this processor is faster in fp32.
  bool allow_slow_precision = false;
  /// Seeds the default generators and State::generator. Weights are drawn before a trainer exists:
  /// call `seed_everything` before making the model.
  uint64_t seed = 17;
  /// Settings of the whole process: see ProcessSettings.
  bool deterministic = false;
  bool cudnn_benchmark = false;
  bool allow_tf32 = true;
  /// Threads of one operation, in the whole process; 0 leaves LibTorch's setting alone.
  int64_t threads = 0;

  /// Saves while `fit` runs, and when it is interrupted.
  std::optional<CheckpointOptions> checkpoints = std::nullopt;
  /// Asked ten times a second while a batch is waited for: whether to interrupt the run.
  std::function<bool()> stop_waiting = nullptr;

  /// What becomes of a step whose gradients or loss are not finite, or that a callback is against.
  OnBadStep on_bad_step = OnBadStep::kStop;
  /// Steps in a row that kSkip may leave out, or times in a row that kRollback may go to one
  /// checkpoint; at one more the run stops.
  int64_t max_consecutive_skips = 10;
  /// Steps that stop the run are saved in DIR/ba12 for `composer replay`; nowhere when empty.
  std::string bad_step_dir = {};
  /// The run's config, to be saved with them and with checkpoints.
  std::string config_text = {};
  /// Bad steps are found as on another device than the CPU, for tests.
  bool treat_cpu_as_device = false;

  /// How a loss is scaled; when null, by a LossScaler for amp_fp16, and not at all for others,
  /// whose gradients are checked as `on_bad_step` asks for.
  std::unique_ptr<GradScaler> grad_scaler = nullptr;
  /// Null for one rank.
  std::unique_ptr<GradientReducer> gradient_reducer = nullptr;
};

/// What one call of `fit` adds to the options.
struct FitOptions {
  /// Trains this much more than has been trained: "2ep".
  std::string duration = {};
  /// Starts the clock from zero; weights and optimizers stay.
  bool reset_time = false;
  /// Replaces the train loader.
  std::shared_ptr<DataLoader> train = nullptr;
};

struct PredictOptions {
  /// Batches, at most; 0 for all.
  int64_t subset_num_batches = 0;
  /// Takes each batch's outputs in the place of the returned list.
  std::function<void(const Outputs&)> sink = nullptr;
};

}  // namespace composer
