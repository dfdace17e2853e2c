#include "composer/optim/gradient_check.h"

#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <atomic>
#include <cstring>
#include <map>
#include <utility>

#include "composer/optim/cpu_kernel.h"

namespace composer {
namespace {

// A value is finite where its exponent is not all ones: without its sign, where it is below
// infinity as an integer.
template <typename T>
struct Bits;
template <>
struct Bits<double> {
  using Integer = int64_t;
  static constexpr Integer kMagnitude = 0x7fffffffffffffff, kInfinity = 0x7ff0000000000000;
};
template <>
struct Bits<float> {
  using Integer = int32_t;
  static constexpr Integer kMagnitude = 0x7fffffff, kInfinity = 0x7f800000;
};
template <>
struct Bits<at::BFloat16> {
  using Integer = int16_t;
  static constexpr Integer kMagnitude = 0x7fff, kInfinity = 0x7f80;
};
template <>
struct Bits<at::Half> {
  using Integer = int16_t;
  static constexpr Integer kMagnitude = 0x7fff, kInfinity = 0x7c00;
};

template <typename T>
bool has_non_finite(const T* values, int64_t count) {
  using Integer = typename Bits<T>::Integer;
  Integer largest = 0;
  run_vectorised([&] {
    const T* const v = values;
    const int64_t n = count;
    Integer most = 0;
    for (int64_t i = 0; i < n; ++i) {
      Integer bits;
      std::memcpy(&bits, v + i, sizeof bits);
      bits &= Bits<T>::kMagnitude;
      most = bits > most ? bits : most;
    }
    largest = most;
  });
  return largest >= Bits<T>::kInfinity;
}

template <typename T>
bool has_non_finite_in_parallel(const T* values, int64_t count) {
  if (count <= kValuesPerThread) return has_non_finite(values, count);
  std::atomic<bool> found = false;
  at::parallel_for(0, count, kValuesPerThread, [&](int64_t begin, int64_t end) {
    if (has_non_finite(values + begin, end - begin)) found = true;
  });
  return found;
}

bool is_dense(const at::Tensor& gradient) {
  return gradient.defined() && gradient.layout() == at::kStrided;
}

}  // namespace

bool has_non_finite(const at::Tensor& tensor) {
  if (!tensor.is_floating_point()) return false;
  if (!tensor.is_non_overlapping_and_dense()) return has_non_finite(tensor.contiguous());
  return AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, tensor.scalar_type(), "has_non_finite", [&] {
        return has_non_finite_in_parallel(tensor.const_data_ptr<scalar_t>(), tensor.numel());
      });
}

// What a call needs on another device; kept, so that a step allocates nothing.
struct GradientCheck::OnDevice {
  at::Tensor inverse_scale;
  // By dtype: the operation takes tensors of one.
  std::map<at::ScalarType, std::vector<at::Tensor>> gradients;
};

GradientCheck::GradientCheck() = default;
GradientCheck::~GradientCheck() = default;

at::Tensor& GradientCheck::next_flag(at::Device device) {
  if (used_ == flags_.size()) flags_.emplace_back();
  at::Tensor& flag = flags_[used_++];
  if (!flag.defined() || flag.device() != device) {
    flag = at::zeros({}, at::TensorOptions(at::kFloat).device(device));
  }
  return flag;
}

at::Tensor GradientCheck::unscale(Optimizer& optimizer) {
  bool found = false;
  bool any_on_device = false;
  at::Device device = at::kCPU;
  for (const ParameterGroup& group : optimizer.groups()) {
    for (const NamedParameter& parameter : group.parameters) {
      const at::Tensor& gradient = parameter.tensor.grad();
      if (!is_dense(gradient)) continue;
      if (gradient.is_cpu()) {
        found = found || has_non_finite(gradient);
        continue;
      }
      if (!on_device_) on_device_ = std::make_unique<OnDevice>();
      on_device_->gradients[gradient.scalar_type()].push_back(gradient);
      device = gradient.device();
      any_on_device = true;
    }
  }
  at::Tensor& flag = next_flag(device);
  if (!any_on_device) {
    *flag.mutable_data_ptr<float>() = found ? 1.0F : 0.0F;
    return flag;
  }
  const c10::NoGradGuard no_grad;
  flag.fill_(found ? 1.0 : 0.0);
  at::Tensor& inverse_scale = on_device_->inverse_scale;
  if (!inverse_scale.defined() || inverse_scale.device() != device) {
    inverse_scale = at::ones({}, flag.options());
  }
  for (auto& [dtype, gradients] : on_device_->gradients) {
    if (gradients.empty()) continue;
    at::_amp_foreach_non_finite_check_and_unscale_(gradients, flag, inverse_scale);
    gradients.clear();
  }
  return flag;
}

}  // namespace composer
