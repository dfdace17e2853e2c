#pragma once

#include <memory>

#include "composer/core/metric.h"
#include "composer/metrics/cross_entropy.h"

namespace composer {

/// e to the power of the mean cross entropy: among how many equally likely tokens a language model
/// hesitates.
///
/// outputs and targets: those of CrossEntropy.
class Perplexity final : public Metric {
 public:
  explicit Perplexity(CrossEntropyOptions options = {})
      : options_(options), cross_entropy_(options) {}

  void update(const at::Tensor& outputs, const at::Tensor& targets) override;
  double compute() const override;
  void reset() override;
  void merge(const Metric& other) override;
  std::unique_ptr<Metric> fresh() const override;

  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  const CrossEntropyOptions options_;
  CrossEntropy cross_entropy_;
};

}  // namespace composer
