#include "composer/optim/gradients.h"

#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

namespace composer {

Gradients gradients_of(absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  Gradients result;
  for (const auto& optimizer : optimizers) {
    for (const ParameterGroup& group : optimizer->groups()) {
      for (const NamedParameter& parameter : group.parameters) {
        if (!parameter.tensor.grad().defined()) continue;
        result.parameters.push_back(parameter.tensor);
        result.gradients.push_back(parameter.tensor.grad());
      }
    }
  }
  return result;
}

at::Tensor global_norm(at::TensorList tensors) {
  if (tensors.empty()) return at::zeros({});
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(tensors, 2)), 2);
}

}  // namespace composer
