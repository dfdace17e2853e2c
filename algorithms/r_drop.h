#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"
#include "composer/core/loss.h"

namespace composer {

namespace config {
class RDrop;
}

/// Computes each microbatch twice, with dropout drawn anew, and trains the two outputs to agree:
/// the loss is the mean of the two losses plus alpha times half the sum of the two ways of the
/// Kullback-Leibler divergence, a mean over positions (Liang et al., 2021, arXiv:2106.14448, with
/// the constants of its code). Takes two forward passes a step. Without anything random in the
/// model it does nothing but cost.
///
/// before_loss, after every other algorithm, computes outputs and loss once more, of the input and
/// the targets as they are for the model's own; after_loss takes the mean of the two losses;
/// before_backward adds the divergence, the loss's term "r_drop", after every other algorithm too.
/// The state's outputs, which metrics are of, stay those of the first pass. Batch norms see the
/// batch twice. What an algorithm drew for the microbatch, such as StochasticDepth's blocks, is the
/// same in both passes; of a loss that is interpolated (MixUp), the second target's part is of the
/// first pass alone. Positions whose target is to be ignored are left out.
///
/// Has no state. Needs a model with one output, or one called "logits".
class RDrop final : public Algorithm {
 public:
  using Config = config::RDrop;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `alpha` is the weight of the divergence; the paper's are 0.1 to 5.
  explicit RDrop(double alpha = 1);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  void compute_again(State& state);

  const double alpha_;
  // Of the second pass, from before_loss to after_loss; of both, to before_backward.
  Loss second_loss_;
  at::Tensor divergence_;
};

}  // namespace composer
