#include "composer/trainer/pure_bf16.h"

#include <ATen/core/Tensor.h>

#include <utility>

namespace composer {

void convert_to_bf16(torch::nn::Module& model) {
  const auto convert = [](at::Tensor tensor) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.detach().to(at::kBFloat16));
  };
  for (const at::Tensor& parameter : model.parameters()) convert(parameter);
  for (const at::Tensor& buffer : model.buffers()) convert(buffer);
}

std::optional<Batch> in_precision(std::optional<Batch> batch, Precision precision) {
  if (precision != Precision::kBf16 || !batch) return batch;
  Batch converted;
  for (const auto& [name, tensor] : *batch) {
    converted.set(name, tensor.is_floating_point() ? tensor.to(at::kBFloat16) : tensor);
  }
  return converted;
}

}  // namespace composer
