#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class LabelSmoothing;
}

/// (1 - smoothing) targets + smoothing / C, with C the number of classes. `logits` gives the shape,
/// [N, C, ...]; `targets` are classes, [N, ...], or weights, [N, C, ...]. The result is in single
/// precision, or double where the logits are.
///
/// Differs from Composer: a negative class, a position to ignore, keeps weights of zero, where
/// Composer trains it towards the uniform distribution.
at::Tensor smooth_labels(const at::Tensor& logits, const at::Tensor& targets, double smoothing);

/// Trains on a mixture of the targets and the uniform distribution, so that the model is not
/// rewarded for extreme logits (Szegedy et al., 2015, arXiv:1512.00567).
///
/// before_loss puts smooth targets in the batch, after_loss puts back what was there: metrics see
/// the targets as they were.
class LabelSmoothing final : public Algorithm {
 public:
  using Config = config::LabelSmoothing;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `smoothing` from 0, none, to 1, where targets no longer count. `target_key` names the batch's
  /// tensor; empty for Batch::target_name().
  explicit LabelSmoothing(double smoothing = 0.1, std::string target_key = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  double smoothing_;
  std::string target_key_;
  // From before_loss to after_loss.
  at::Tensor found_;
};

}  // namespace composer
