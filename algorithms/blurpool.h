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
class BlurPool;
}

/// `input` [batch, channels, height, width] through the low-pass filter [1 2 1] x [1 2 1] / 16,
/// channel by channel, with a border of zeros: every `stride`-th row and column of it, from the
/// first.
at::Tensor blur_2d(const at::Tensor& input, at::IntArrayRef stride = 1);

struct BlurPoolOptions {
  /// Strided convolutions are blurred.
  bool replace_convs = true;
  /// Max poolings take every maximum, and are blurred where they left some out.
  bool replace_maxpools = true;
  /// Convolutions blur their input. Otherwise they compute every position and blur that, as in the
  /// paper: four times the work at a stride of 2.
  bool blur_first = true;
  /// Convolutions of fewer input channels stay, such as a network's first.
  int64_t min_channels = 16;
};

/// Replaces the strided convolutions (torch::nn::Conv2d) and max poolings (torch::nn::MaxPool2d) in
/// slots of `model` by blurred ones with the same parameters. Returns what was replaced.
std::vector<LayerReplacement> apply_blurpool(
    torch::nn::Module& model, const BlurPoolOptions& options = {},
    absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// Anti-aliasing where a network leaves out positions, so that an image that is moved a little
/// gives nearly the same features (Zhang, 2019, arXiv:1904.11486).
///
/// At init the model's layers are replaced, for good. No parameter is added and none changes its
/// name.
///
/// Differs from Composer: parameters keep their names (there "conv1.weight" becomes
/// "conv1.conv.weight"), and the filters are no part of the model's state.
class BlurPool final : public Algorithm {
 public:
  using Config = config::BlurPool;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `must_match`: a model without such layers is an error instead of a warning.
  explicit BlurPool(BlurPoolOptions options = {}, bool must_match = false);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const BlurPoolOptions options_;
  const bool must_match_;
};

}  // namespace composer
