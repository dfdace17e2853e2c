#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/types/span.h"

namespace composer {

/// The rows of `rows` (its first dimension) at `indices`, in a new tensor of the same memory order.
/// Throws a c10::IndexError for an index out of range. Copies bytes where it can, which for small
/// rows costs a fraction of at::index_select.
at::Tensor gather_rows(const at::Tensor& rows, absl::Span<const int64_t> indices);

}  // namespace composer
