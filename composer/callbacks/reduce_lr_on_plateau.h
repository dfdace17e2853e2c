#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "composer/core/callback.h"
#include "proto/callback.pb.h"

namespace composer {

/// Multiplies every learning rate by `factor` when a number has stopped to improve, as
/// torch.optim.lr_scheduler.ReduceLROnPlateau. It adds a scheduler to the run at `init`, so that
/// what it found is multiplied with what the other schedulers say; the next batch is trained on
/// with it.
///
/// The number is a metric of an evaluator, "metrics/eval/accuracy", looked at after each of its
/// evaluations inside `fit`; or a term of the training loss, "loss/train/total", whose mean over
/// the epoch is looked at when the epoch ends. It is read back from the device only then.
class ReduceLROnPlateau : public Callback {
 public:
  using Config = config::ReduceLROnPlateau;
  static absl::StatusOr<std::unique_ptr<ReduceLROnPlateau>> create(const Config& config);

  enum class Mode { kMin, kMax };
  enum class ThresholdMode { kRelative, kAbsolute };
  struct Options {
    std::string monitor;
    Mode mode = Mode::kMin;
    double factor = 0.1;
    /// Numbers in a row that are no improvement and change nothing.
    int64_t patience = 10;
    /// An improvement is more than this: a part of the best number, or of the number's own size.
    double threshold = 1e-4;
    ThresholdMode threshold_mode = ThresholdMode::kRelative;
    /// Numbers after a reduction that do not count.
    int64_t cooldown = 0;
    /// No group's initial learning rate is reduced below this; schedulers may still be.
    double min_lr = 0;
  };

  /// REQUIRES: `monitor` is of the form that the class describes, 0 < factor < 1.
  explicit ReduceLROnPlateau(Options options);

  /// Takes in the next number; NaN is no improvement.
  void observe(double value);
  /// What learning rates are multiplied by now.
  double factor() const { return *factor_; }

  void init(State& state, Logger& logger) override;
  void fit_start(State& state, Logger& logger) override;
  void batch_end(State& state, Logger& logger) override;
  void epoch_end(State& state, Logger& logger) override;
  void eval_end(State& state, Logger& logger) override;
  void eval_standalone_start(State& state, Logger& logger) override { standalone_ = true; }
  void eval_standalone_end(State& state, Logger& logger) override { standalone_ = false; }
  void fit_end(State& state, Logger& logger) override;

  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  bool improves(double value) const;

  const Options options_;
  // Shared with the scheduler that applies it.
  const std::shared_ptr<double> factor_ = std::make_shared<double>(1);
  double best_;
  int64_t bad_ = 0;
  int64_t cooling_ = 0;
  bool standalone_ = false;
  // Whether this call of `fit` had the number at all.
  bool observed_ = false;
  // Of the training loss, over the epoch so far; on the loss's device.
  at::Tensor loss_sum_;
  int64_t loss_count_ = 0;
};

}  // namespace composer
