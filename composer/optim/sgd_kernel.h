#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace composer {

/// A step of SGD on the CPU, with either form of weight decay:
///
///   d = gradient + weight_decay * p
///   b = past * b + present * d              (b = d without state)
///   p = keep * p - lr * (nesterov ? d + momentum * b : b)
struct SgdStep {
  double lr = 0;
  double keep = 1;
  double weight_decay = 0;
  double momentum = 0;
  double past = 0;
  double present = 1;
  bool nesterov = false;
};

/// `state` is empty, or has each parameter's momentum. Tensors as `for_each_value` takes them.
void sgd_on_cpu(const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& gradients,
                const std::vector<std::vector<at::Tensor>>& state, const SgdStep& step);

}  // namespace composer
