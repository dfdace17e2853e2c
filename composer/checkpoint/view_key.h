#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>
#include <vector>

namespace composer {

/// Equal for tensors that are the same view of the same memory, as tied weights are.
using ViewKey = std::tuple<const void*, at::ScalarType, bool, bool, int64_t, std::vector<int64_t>,
                           std::vector<int64_t>>;

/// REQUIRES: dense.
ViewKey view_key(const at::Tensor& tensor);

}  // namespace composer
