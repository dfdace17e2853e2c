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
#include "composer/nn/layer.h"
#include "composer/nn/slot.h"
#include "composer/nn/surgery.h"

namespace composer {

namespace config {
class SqueezeExcite;
}

/// Multiplies each channel of images [batch, channels, height, width] by a number between 0 and 1
/// that two linear layers without bias, with a ReLU between them, make of all channels' means. The
/// weights are called "pool_and_mlp.2.weight" and "pool_and_mlp.4.weight", as in Composer, and
/// start as PyTorch's.
class SqueezeExcite2d final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  /// `latent_channels`: the width between the two layers; below 1, a fraction of `channels`, and at
  /// least one.
  SqueezeExcite2d(int64_t channels, double latent_channels);
  at::Tensor forward(const at::Tensor& input) override;

 private:
  Slot<Layer> pool_and_mlp_;
};

struct SqueezeExciteOptions {
  /// As that of SqueezeExcite2d, of the convolution's output channels.
  double latent_channels = 64;
  /// Convolutions with fewer input or output channels stay.
  int64_t min_channels = 128;
};

/// Puts a SqueezeExcite2d behind the convolutions (torch::nn::Conv2d) in slots of `model`: there is
/// then a layer with children "conv" and "se". Returns what was replaced.
std::vector<LayerReplacement> apply_squeeze_excite(
    torch::nn::Module& model, const SqueezeExciteOptions& options = {},
    absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// Lets a network weigh a convolution's channels by what the whole image shows (Hu et al., 2017,
/// arXiv:1709.01507).
///
/// At init the model's layers are replaced, for good: "conv1.weight" is then "conv1.conv.weight",
/// as in Composer, and there are new parameters, "conv1.se.pool_and_mlp.2.weight" and ".4.weight".
class SqueezeExcite final : public Algorithm {
 public:
  using Config = config::SqueezeExcite;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `must_match`: a model without such convolutions is an error instead of a warning.
  explicit SqueezeExcite(SqueezeExciteOptions options = {}, bool must_match = false);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const SqueezeExciteOptions options_;
  const bool must_match_;
};

}  // namespace composer
