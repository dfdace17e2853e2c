#pragma once

#include <cstdint>
#include <memory>

#include "composer/core/metric.h"
#include "composer/metrics/sum.h"

namespace composer {

struct CrossEntropyOptions {
  /// Targets of this class do not count.
  int64_t ignore_index = -100;
};

/// The mean cross entropy over all samples, whatever the sizes of the batches they come in.
/// (Composer's is the mean over batches, in which the samples of a small last batch weigh more.)
///
/// outputs: logits [batch, classes, ...]; targets: class indices [batch, ...], or probabilities of
/// the outputs' shape.
class CrossEntropy final : public Metric {
 public:
  explicit CrossEntropy(CrossEntropyOptions options = {}) : options_(options) {}

  void update(const at::Tensor& outputs, const at::Tensor& targets) override;
  double compute() const override;
  void reset() override;
  void merge(const Metric& other) override;
  std::unique_ptr<Metric> fresh() const override;

  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  const CrossEntropyOptions options_;
  Sum loss_;
  Sum counted_;
};

}  // namespace composer
