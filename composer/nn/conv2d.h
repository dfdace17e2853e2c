#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/conv.h>

#include <memory>

#include "composer/nn/layer.h"

namespace composer {

/// A two-dimensional convolution that stands in the place of another: with its options and its very
/// parameters, under their names, and its computation, which subclasses extend. Several can be put
/// around one convolution, one around the other.
class Conv2d : public torch::nn::Conv2dImpl, public Layer {
 public:
  explicit Conv2d(const std::shared_ptr<torch::nn::Conv2dImpl>& conv)
      : torch::nn::Conv2dImpl(*conv), inner_(std::dynamic_pointer_cast<Conv2d>(conv)) {}

  at::Tensor forward(const at::Tensor& input) final { return convolve(input, weight); }

  /// The output with another weight. What a subclass does not do itself it leaves to this.
  virtual at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight) {
    return inner_ ? inner_->convolve(input, weight) : _conv_forward(input, weight);
  }

  /// What this one is around; null where that was a plain convolution.
  const std::shared_ptr<Conv2d>& inner() const { return inner_; }

 private:
  const std::shared_ptr<Conv2d> inner_;
};

/// Whether `layer` is a `Type`, or one is among the convolutions that it is around.
template <typename Type>
bool is_or_holds(const torch::nn::Module& layer) {
  for (auto* conv = dynamic_cast<const Conv2d*>(&layer); conv; conv = conv->inner().get()) {
    if (dynamic_cast<const Type*>(conv) != nullptr) return true;
  }
  return false;
}

}  // namespace composer
