#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/core/algorithm.h"
#include "composer/core/optimizer.h"
#include "composer/nn/surgery.h"

namespace composer {

namespace config {
class Factorize;
}

/// The rank at which a product of two matrices, or a convolution of `kernel_area` positions to as
/// many channels and a 1x1 convolution, takes the place of one from `inputs` to `outputs`:
/// `latent`, or below 1 that fraction of the smaller of the two, at least 1. Empty where that
/// would save no multiplications.
std::optional<int64_t> factorized_rank(int64_t inputs, int64_t outputs, int64_t kernel_area,
                                       double latent);

struct FactorizeOptions {
  bool factorize_convs = true;
  bool factorize_linears = true;
  /// Convolutions with fewer input or output channels stay.
  int64_t min_channels = 256;
  /// The rank of convolutions; below 1, a fraction of the smaller of their channels.
  double latent_channels = 0.25;
  /// Linear layers with fewer inputs or outputs stay.
  int64_t min_features = 256;
  /// The rank of linear layers; below 1, a fraction of the smaller of their sizes.
  double latent_features = 128;
};

/// Replaces convolutions (torch::nn::Conv2d of one group) and linear layers (torch::nn::Linear) in
/// slots of `model` by two smaller ones each, "module0" and "module1", with new weights that start
/// as PyTorch's: a convolution of the same shape to `latent_channels` without bias and a 1x1
/// convolution with one; a linear layer without bias and one with a bias where there was one. Those
/// that would not get cheaper stay. Returns what was replaced.
///
/// Throws a NotImplementedError for a convolution that another method has changed.
std::vector<LayerReplacement> apply_factorization(
    torch::nn::Module& model, const FactorizeOptions& options = {},
    absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// Gives a layer that `apply_factorization` has made a lower rank, by the weights that come closest
/// to its outputs for `input` (see fit_low_rank). `input` is what its forward takes: [batch,
/// channels, height, width], or [..., features]. The parameters stay the same tensors, of other
/// sizes and without gradients: state that an optimizer has for them no longer fits.
///
/// Throws a ValueError for a `rank` above the current one or below 1, a TypeError for other layers,
/// and a NotImplementedError for convolutions with a stride or dilation other than 1, with padding
/// by its name ("same"), or in which another method has changed something.
///
/// Differs from Composer: linear layers without a bias, inputs of a linear layer that are no
/// matrix, and padding modes work.
void set_rank(torch::nn::Module& layer, const at::Tensor& input, int64_t rank);

/// Computes with products of low rank, which is cheaper (Jaderberg et al., 2014, arXiv:1405.3866).
///
/// At init the model's layers are replaced, for good; their weights are drawn anew, and are called
/// "conv1.module0.weight", "conv1.module1.weight" and so on, as in Composer. List it before
/// BlurPool and WeightStandardization, which then act on the first of the two.
///
/// Differs from Composer: padding modes stay.
class Factorize final : public Algorithm {
 public:
  using Config = config::Factorize;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `must_match`: a model without such layers is an error instead of a warning.
  explicit Factorize(FactorizeOptions options = {}, bool must_match = false);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const FactorizeOptions options_;
  const bool must_match_;
};

}  // namespace composer
