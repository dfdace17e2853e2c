#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <utility>

#include "composer/nn/layer.h"
#include "composer/nn/slot.h"

namespace composer {

/// A layer of the form relu(branch(x) + shortcut(x)) (He et al., 2015, arXiv:1512.03385), whose sum
/// can be changed without changing the layer, its parameters or their names.
class ResidualBlock : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  /// What adds up the two; may leave one out.
  class Sum {
   public:
    virtual ~Sum() = default;
    /// The block's output, before the last ReLU.
    virtual at::Tensor forward(ResidualBlock& block, const at::Tensor& input) = 0;
  };

  /// The residual: a tensor of its own, which the caller may change.
  virtual at::Tensor branch(const at::Tensor& input) = 0;
  /// The input in the shape of the residual; the input itself where that is its shape.
  virtual at::Tensor shortcut(const at::Tensor& input) = 0;

  at::Tensor forward(const at::Tensor& input) final {
    if (sum_ != nullptr) return sum_->forward(*this, input).relu();
    return branch(input).add_(shortcut(input)).relu_();
  }

  /// From now on `sum` adds up branch and shortcut; null for the plain sum.
  void set_sum(std::shared_ptr<Sum> sum) { sum_ = std::move(sum); }
  const std::shared_ptr<Sum>& sum() const { return sum_; }

 private:
  std::shared_ptr<Sum> sum_;
};

}  // namespace composer
