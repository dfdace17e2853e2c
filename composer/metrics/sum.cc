#include "composer/metrics/sum.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/item.h>
#include <ATen/ops/scalar_tensor.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace composer {

void Sum::add(const at::Tensor& value) {
  if (!sum_.defined()) {
    sum_ = value.detach().clone();
    return;
  }
  if (sum_.device() != value.device()) sum_ = sum_.to(value.device());
  sum_.add_(value.detach());
}

void Sum::add(int64_t count) {
  if (!sum_.defined()) {
    sum_ = at::scalar_tensor(count, at::kLong);
  } else if (sum_.is_cpu() && sum_.scalar_type() == at::kLong) {
    *sum_.mutable_data_ptr<int64_t>() += count;
  } else {
    sum_.add_(count);
  }
}

double Sum::value() const { return sum_.defined() ? sum_.item().toDouble() : 0; }

void Sum::merge(const Sum& other) {
  if (other.sum_.defined()) add(other.sum_);
}

void Sum::save(StateDict& state, absl::string_view name) const {
  if (sum_.defined()) state.set(name, sum_);
}

absl::Status Sum::load(const StateDict& state, absl::string_view name) {
  const auto saved = state.tensors().find(std::string(name));
  if (saved == state.tensors().end()) {
    sum_.reset();
    return absl::OkStatus();
  }
  if (saved->second.dim() != 0) {
    return absl::InvalidArgumentError(absl::StrCat("the state's \"", name, "\" is no scalar"));
  }
  sum_ = saved->second.detach().clone();
  return absl::OkStatus();
}

}  // namespace composer
