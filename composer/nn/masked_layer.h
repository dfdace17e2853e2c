#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "composer/nn/slot.h"

namespace composer {

/// What a Slot can call beside Layer: a module that maps a sequence of hidden states [batch,
/// sequence, width] to one of the same shape and lets its positions look at each other.
class MaskedLayer {
 public:
  virtual ~MaskedLayer() = default;
  /// `mask`: which positions may be looked at, as attention_mask() makes it (self_attention.h);
  /// undefined: all, and those up to itself where the layer is causal.
  virtual at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) = 0;
};

/// Masked layers one after the other, all with the same mask, named "0", "1", ... Each can be
/// replaced.
class MaskedLayerSequence final : public torch::nn::Module, public SlotOwner, public MaskedLayer {
 public:
  template <typename Module>
  void push_back(std::shared_ptr<Module> layer) {
    layers_.push_back(std::make_unique<Slot<MaskedLayer>>(*this, std::to_string(layers_.size()),
                                                          std::move(layer)));
  }

  at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) override {
    at::Tensor result = input;
    for (const auto& layer : layers_) result = (*layer)->forward(result, mask);
    return result;
  }

  size_t size() const { return layers_.size(); }

 private:
  std::vector<std::unique_ptr<Slot<MaskedLayer>>> layers_;
};

}  // namespace composer
