#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <utility>

namespace composer {

/// What a Slot can call: an interface mixed into modules that map a tensor to a tensor.
/// (torch::nn modules have no virtual forward.)
class Layer {
 public:
  virtual ~Layer() = default;
  virtual at::Tensor forward(const at::Tensor& input) = 0;
};

/// A torch::nn module with `Tensor forward(Tensor)` as a Layer. Its parameters keep their names.
template <typename Impl>
class LayerOf final : public Impl, public Layer {
 public:
  using Impl::Impl;
  at::Tensor forward(const at::Tensor& input) override { return Impl::forward(input); }
};

/// make_layer<torch::nn::LinearImpl>(4, 3)
template <typename Impl, typename... Arguments>
std::shared_ptr<LayerOf<Impl>> make_layer(Arguments&&... arguments) {
  return std::make_shared<LayerOf<Impl>>(std::forward<Arguments>(arguments)...);
}

}  // namespace composer
