#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/core/algorithm.h"
#include "composer/core/optimizer.h"
#include "composer/nn/surgery.h"

namespace composer {

namespace config {
class WeightStandardization;
}

/// (weight - mean) / sqrt(variance + 1e-10), with the mean and the biased variance of each output
/// channel, over all dimensions of `weight` but the first.
at::Tensor standardize_weight(const at::Tensor& weight);

/// Replaces the convolutions (torch::nn::Conv1d, 2d and 3d) in slots of `model`, but for the last
/// `n_last_layers_ignore` in the order of its modules, by ones that compute with the standardized
/// weight. Returns what was replaced.
std::vector<LayerReplacement> apply_weight_standardization(
    torch::nn::Module& model, int64_t n_last_layers_ignore = 0,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// Convolutions whose weights have mean 0 and variance 1 for each output channel, which smooths the
/// loss where norms see few samples (Qiao et al., 2019, arXiv:1903.10520).
///
/// At init the model's layers are replaced, for good. Parameters stay what they are and what they
/// are called: it is what is computed with that is standardized, in each forward.
///
/// Differs from Composer: parameters keep their names (there "conv1.weight" becomes
/// "conv1.parametrizations.weight.original"); the last layers are those of the order in which the
/// model has its modules, which need not be that in which it calls them.
class WeightStandardization final : public Algorithm {
 public:
  using Config = config::WeightStandardization;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `must_match`: a model without convolutions is an error instead of a warning.
  explicit WeightStandardization(int64_t n_last_layers_ignore = 0, bool must_match = false);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const int64_t n_last_layers_ignore_;
  const bool must_match_;
};

}  // namespace composer
