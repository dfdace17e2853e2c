#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"
#include "composer/core/model.h"

namespace composer {

namespace config {
class NoOpModel;
}

/// One parameter, `weights`, that starts at 1.5. Gives the batch's target times it, whose loss is
/// the mean squared distance to the target. No metric is fed.
class TargetTimesWeight final : public ComposerModel {
 public:
  TargetTimesWeight();

  Outputs forward(const Batch& batch) override;
  Loss loss(const Outputs& outputs, const Batch& batch) override;
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override;
  bool has_per_sample_loss() const override { return true; }
  void update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) override {}

  at::Tensor weights;
};

/// Puts a model in the place of the run's that does next to nothing, to see what the loader and the
/// trainer cost by themselves (Composer's NoOpModel,
/// docs.mosaicml.com/projects/composer/en/stable/method_cards/no_op.html).
///
/// init replaces the model; the metrics of evaluators, made by the model that was, are not fed. It
/// refuses to stand beside an algorithm that replaces targets, for want of logits.
///
/// Differs from Composer: the loss of any target can be computed; nothing is spent on metrics.
class NoOpModel final : public Algorithm {
 public:
  using Config = config::NoOpModel;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;
};

}  // namespace composer
