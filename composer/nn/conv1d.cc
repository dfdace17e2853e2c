#include "composer/nn/conv1d.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <vector>

namespace composer {

Conv1d::Conv1d(int64_t in_features, int64_t out_features)
    : weight(register_parameter("weight", at::empty({in_features, out_features}).normal_(0, 0.02))),
      bias(register_parameter("bias", at::zeros({out_features}))) {}

at::Tensor Conv1d::forward(const at::Tensor& input) {
  if (input.dim() == 2) return at::addmm(bias, input, weight);
  std::vector<int64_t> shape = input.sizes().vec();
  shape.back() = weight.size(1);
  return at::addmm(bias, input.reshape({-1, input.size(-1)}), weight).view(shape);
}

}  // namespace composer
