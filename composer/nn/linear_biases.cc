#include "composer/nn/linear_biases.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <limits>

namespace composer {

LinearBiases::LinearBiases(const at::Tensor& slopes) : slopes_(slopes.detach().to(at::kFloat)) {
  TORCH_CHECK_VALUE(slopes.dim() == 1, "linear biases need one slope a head, not ", slopes.sizes());
}

const at::Tensor& LinearBiases::of(const at::Tensor& query, bool causal) {
  const int64_t length = query.size(2);
  if (biases_.defined() && biases_.size(2) == length && causal_ == causal &&
      biases_.device() == query.device() && biases_.scalar_type() == query.scalar_type()) {
    return biases_;
  }
  const c10::NoGradGuard no_grad;
  const at::Tensor positions = at::arange(length, slopes_.options().device(query.device()));
  const at::Tensor offsets = positions - positions.unsqueeze(1);
  at::Tensor biases = slopes_.to(query.device()).view({1, -1, 1, 1}) * -offsets.abs();
  if (causal) biases.masked_fill_(offsets > 0, lowest_score(query.scalar_type()));
  biases_ = biases.to(query.scalar_type());
  causal_ = causal;
  return biases_;
}

double lowest_score(at::ScalarType type) {
  if (type == at::kHalf) return std::numeric_limits<at::Half>::lowest();
  if (type == at::kBFloat16) return std::numeric_limits<at::BFloat16>::lowest();
  return std::numeric_limits<float>::lowest();
}

}  // namespace composer
