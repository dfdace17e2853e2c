#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/callback.h"
#include "composer/core/state.h"
#include "proto/callback.pb.h"

namespace composer {

/// Adds a StepCheck against steps whose training loss or global gradient norm is a spike: more than
/// `threshold` standard deviations above the mean of the last `window` good steps. What becomes of
/// the step is the run's OnBadStep; its numbers do not enter the window. Neither do numbers that
/// are not finite, which are no spike but what GradientCheck is for. A standard deviation below a
/// millionth of the mean counts as that much: float32 knows no less.
///
/// The norm is that of the gradients before algorithms act on them, such as gradient_clipping: it
/// is taken by an algorithm of its own, which the callback adds to the run at `init`. An optimizer
/// that computes the loss repeatedly is judged by its first evaluation. A model that updates itself
/// is not looked at.
///
/// On the CPU this is arithmetic of the host; on another device a few operations there, for which
/// nobody waits.
class SpikeDetector : public Callback {
 public:
  using Config = config::SpikeDetector;
  static absl::StatusOr<std::unique_ptr<SpikeDetector>> create(const Config& config);

  struct Options {
    int64_t window = 128;
    /// Good steps before the first that is judged.
    int64_t min_steps = 16;
    double threshold = 6;
    bool loss = true;
    bool grad_norm = true;
    /// Computes as on another device, for tests.
    bool treat_cpu_as_device = false;
  };

  /// REQUIRES: 2 <= min_steps <= window; loss or grad_norm.
  explicit SpikeDetector(const Options& options);
  ~SpikeDetector() override;

  void init(State& state, Logger& logger) override;

  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  class Judge;

  const std::shared_ptr<Judge> judge_;
};

}  // namespace composer
