#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

#include "composer/nn/layer.h"

namespace composer {

/// A linear layer with its weight as [in, out], as GPT-2's weights are: Hugging Face's Conv1D.
/// Starts with normal weights of deviation 0.02 and a bias of 0.
class Conv1d final : public torch::nn::Module, public Layer {
 public:
  Conv1d(int64_t in_features, int64_t out_features);

  /// [..., out] of [..., in].
  at::Tensor forward(const at::Tensor& input) override;

  at::Tensor weight;
  at::Tensor bias;
};

}  // namespace composer
