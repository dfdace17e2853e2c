#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "composer/core/optimizer.h"

namespace composer {

/// Parameters that have a gradient, and these, in the same order.
struct Gradients {
  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> gradients;
};

Gradients gradients_of(absl::Span<const std::unique_ptr<Optimizer>> optimizers);

/// The L2 norm of all the tensors together: a scalar on their device, 0 on the CPU for none.
at::Tensor global_norm(at::TensorList tensors);

}  // namespace composer
