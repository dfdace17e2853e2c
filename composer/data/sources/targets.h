#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "composer/core/tensor_dict.h"

namespace composer {

/// `target`, int64 [N]: `label(index)` of each index.
Batch make_targets(absl::Span<const int64_t> indices, absl::FunctionRef<int64_t(int64_t)> label);

}  // namespace composer
