#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace composer::benchmarks {

/// A training loop as one writes it by hand with LibTorch: a torch::nn::Sequential, cross entropy,
/// SGD with momentum 0.9 and a learning rate of 0.01.
class HandWritten {
 public:
  /// `tiny_mlp` (32-64-10), `mlp` (784-512-512-10) or `cnn` (1x28x28; blocks of 3x3 convolution,
  /// batch norm, ReLU and 2x2 max pooling with 32, 64 and 128 channels, in channels-last).
  /// `fused`: updates by ATen's fused kernel; otherwise by torch::optim::SGD.
  HandWritten(const std::string& model, bool fused);
  ~HandWritten();

  /// One step: zero_grad, forward, loss, backward, update. Returns the loss.
  at::Tensor step(const at::Tensor& input, const at::Tensor& target);

  /// Copies `source`, in order, into the model's parameters.
  void set_parameters(const std::vector<at::Tensor>& source);
  std::vector<at::Tensor> parameters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace composer::benchmarks
