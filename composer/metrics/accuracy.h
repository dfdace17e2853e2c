#pragma once

#include <cstdint>
#include <memory>

#include "composer/core/metric.h"
#include "composer/metrics/sum.h"

namespace composer {

struct AccuracyOptions {
  /// A prediction is right when the target is among this many classes with the highest outputs.
  int64_t top_k = 1;
  /// Targets of this class do not count.
  int64_t ignore_index = -100;
};

/// The share of right predictions.
///
/// outputs: [batch, classes, ...]; targets: class indices [batch, ...], or probabilities or one-hot
/// vectors of the outputs' shape, of which the largest is the class.
class Accuracy final : public Metric {
 public:
  explicit Accuracy(AccuracyOptions options = {});

  void update(const at::Tensor& outputs, const at::Tensor& targets) override;
  double compute() const override;
  void reset() override;
  void merge(const Metric& other) override;
  std::unique_ptr<Metric> fresh() const override;

  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  void add_small(const at::Tensor& outputs, const at::Tensor& targets);

  const AccuracyOptions options_;
  Sum right_;
  Sum counted_;
};

}  // namespace composer
