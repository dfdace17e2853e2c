#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"
#include "composer/core/loss.h"
#include "composer/core/optimizer.h"

namespace composer {

namespace config {
class Sam;
}

/// Moves `parameters` in place by rho / (|gradients| + epsilon) times their gradients, the norm
/// being that of all together: to first order where the loss within `rho` is largest.
void climb(at::TensorList parameters, at::TensorList gradients, double rho, double epsilon);

/// Takes its steps by the gradient at the point that `climb` goes to, through another optimizer.
class SamOptimizer final : public Optimizer {
 public:
  /// Throws a ValueError when `base` evaluates the loss repeatedly itself.
  SamOptimizer(std::unique_ptr<Optimizer> base, double rho, double epsilon);

  /// Calls `closure`, climbs, calls it again, puts the weights back where they were, to the bit,
  /// and lets the base update. Where an evaluation is one that `found_inf` is about, or throws, the
  /// step ends with the weights as before it.
  at::Tensor step(const LossClosure& closure) override;
  bool evaluates_loss_repeatedly() const override { return true; }
  std::vector<ParameterGroup>& groups() override { return base_->groups(); }

  /// Those of the base: with and without SAM, optimizers read each other's checkpoints.
  StateDict state_dict() const override { return base_->state_dict(); }
  absl::Status load_state_dict(const StateDict& state) override {
    return base_->load_state_dict(state);
  }

  /// Whether the next steps climb; when not, they are the base's. True at first.
  void set_climbs(bool climbs) { climbs_ = climbs; }
  /// Whether the weights are where `climb` took them: from the second call of a step's closure on.
  bool is_at_peak() const { return at_peak_; }

 private:
  class Climb;

  void update_parameters() override;
  bool heeds_found_inf() const override { return true; }

  const std::unique_ptr<Optimizer> base_;
  const double rho_;
  const double epsilon_;
  bool climbs_ = true;
  bool at_peak_ = false;
};

struct SamOptions {
  /// How far from the weights the gradient is taken, in the L2 norm of all together.
  double rho = 0.05;
  /// Added to the norm of the gradients.
  double epsilon = 1e-12;
  /// Every so many batches; the others take a plain step.
  int64_t interval = 1;
};

/// Sharpness-aware minimization (Foret et al., 2020, arXiv:2010.01412): looks for weights around
/// which the loss is low everywhere, with two forward and backward passes a step.
///
/// At after_load the run's optimizer is put into a SamOptimizer; it must be the only one, and not
/// one that evaluates the loss repeatedly. At batch_start it is told whether this batch is one of
/// those that climb: the last of every `interval`. At after_train_batch, which comes once in each
/// pass, as do all events from before_train_batch on, the loss at the weights themselves takes the
/// place of that at the peak, so that it is what is logged. Gradients are clipped, checked and
/// unscaled in both passes.
///
/// Has no state: which batches climb, the clock says.
///
/// Differs from Composer: a loss of exactly zero is a step like another; weights are put back by
/// copying rather than by subtraction, which rounds; train metrics are those of one pass, the
/// second; `interval` counts the batches of the run, so that a resumed run goes on with the same
/// bits.
class Sam final : public Algorithm {
 public:
  using Config = config::Sam;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit Sam(SamOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  void wrap(State& state);
  void keep_loss(State& state);

  const SamOptions options_;
  // The one in the state, which owns it.
  SamOptimizer* optimizer_ = nullptr;
  // Of the present step, at the weights.
  Loss loss_;
};

}  // namespace composer
