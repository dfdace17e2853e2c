#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/linear.h>
#include <torch/nn/module.h>

#include "composer/nn/layer.h"

namespace composer {

/// A linear layer whose parameters are another module's as well, such as an output layer with the
/// weights of the word embedding (Press and Wolf, 2016, arXiv:1608.05859).
class TiedLinear final : public torch::nn::Module, public Layer {
 public:
  /// `weight`: [out, in]; `bias`: [out], or undefined for none.
  explicit TiedLinear(const at::Tensor& weight, const at::Tensor& bias = {})
      : weight_(register_parameter("weight", weight)) {
    if (bias.defined()) bias_ = register_parameter("bias", bias);
  }

  at::Tensor forward(const at::Tensor& input) override { return at::linear(input, weight_, bias_); }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace composer
