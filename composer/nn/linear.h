#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/linear.h>

namespace composer {

/// input * weight^T + bias, of shapes [..., in], [out, in] and [out]: at::linear, which is Python's
/// torch.nn.functional.linear, to the bit, forward and backward. (torch::nn::functional::linear
/// adds the bias in a pass of its own where the input is no matrix.) On the CPU its graph is one
/// node where LibTorch's are two to four (the transposed weight, the flattened input and the
/// unflattened output each have one), and a node costs some three microseconds. What does not fit
/// (autocast, forward-mode gradients, no bias, other layouts) goes LibTorch's way.
at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias);

/// torch::nn::Linear by way of `linear`.
class LinearImpl : public torch::nn::LinearImpl {
 public:
  using torch::nn::LinearImpl::LinearImpl;
  at::Tensor forward(const at::Tensor& input) { return linear(input, weight, bias); }
};

}  // namespace composer
