#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "composer/nn/layer.h"
#include "composer/nn/slot.h"

namespace composer {

/// Layers one after the other, named "0", "1", ... as in PyTorch's Sequential. Each can be
/// replaced.
class LayerSequence final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  template <typename Module>
  void push_back(std::shared_ptr<Module> layer) {
    layers_.push_back(
        std::make_unique<Slot<Layer>>(*this, std::to_string(layers_.size()), std::move(layer)));
  }

  at::Tensor forward(const at::Tensor& input) override {
    at::Tensor result = input;
    for (const auto& layer : layers_) result = (*layer)->forward(result);
    return result;
  }

  size_t size() const { return layers_.size(); }

 private:
  std::vector<std::unique_ptr<Slot<Layer>>> layers_;
};

}  // namespace composer
