#include "tests/testing/formula.h"

#include <ATen/ATen.h>

#include <cmath>

namespace composer::testing {
namespace {

bool ends_with(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

void set(const std::string& name, at::Tensor tensor) {
  if (ends_with(name, "num_batches_tracked")) return;
  const at::Tensor values = formula(name, tensor.sizes());
  if (tensor.dim() >= 2) {
    const double fan_in = static_cast<double>(tensor.numel()) / static_cast<double>(tensor.size(0));
    tensor.copy_(values * std::sqrt(24 / fan_in));
  } else if (ends_with(name, "weight") || ends_with(name, "running_var")) {
    tensor.copy_(1 + values);
  } else {
    tensor.copy_(values);
  }
}

}  // namespace

at::Tensor formula(const std::string& name, at::IntArrayRef sizes) {
  int64_t seed = 0;
  for (size_t i = 0; i < name.size(); ++i) seed += static_cast<int64_t>(i + 1) * name[i];
  seed %= 10007;
  const at::Tensor i = at::arange(c10::multiply_integers(sizes), at::kLong);
  const at::Tensor mixed = ((i * i).remainder(10007) * 31 + i * 7919 + seed * 613).remainder(10007);
  return ((mixed.to(at::kDouble) + 0.5) / 10007 - 0.5).to(at::kFloat).reshape(sizes);
}

void set_by_formula(torch::nn::Module& model) {
  const at::NoGradGuard no_grad;
  for (const auto& item : model.named_parameters()) set(item.key(), item.value());
  for (const auto& item : model.named_buffers()) set(item.key(), item.value());
}

}  // namespace composer::testing
