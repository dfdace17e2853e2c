#pragma once

#include <c10/core/ScalarType.h>

#include <optional>

#include "absl/strings/string_view.h"

namespace composer {

/// The dtype that safetensors calls `name`: "F32", "BF16", "I64", ...
std::optional<at::ScalarType> scalar_type_of(absl::string_view name);

/// What safetensors calls `type`; empty when it does not have it.
absl::string_view safetensors_dtype(at::ScalarType type);

}  // namespace composer
