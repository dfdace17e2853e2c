#pragma once

#include <ATen/core/Tensor.h>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"

namespace composer {

/// A number, or an array of numbers of any depth, as a tensor of that shape: float, or int64 where
/// `whole` asks for integers. DataLoss names the place of what does not fit, as in "[2][0]": other
/// things than numbers, integers with a fraction or beyond 64 bits, floats beyond a float, arrays
/// whose elements differ in length or depth.
absl::StatusOr<at::Tensor> json_array(const nlohmann::json& value, bool whole);

}  // namespace composer
