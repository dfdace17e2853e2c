#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <memory>

#include "absl/strings/string_view.h"
#include "composer/data/formats/array_view.h"

namespace composer {

at::ScalarType scalar_type(ElementType type);

/// The array as a tensor over the same memory, which `owner` holds; to be read only. Booleans come
/// as bytes: only 0 and 1 are booleans, and what a file says is not known. May lie at any address:
/// copies rows well (gather_rows), but is not for ATen's kernels.
at::Tensor tensor_over(const ArrayView& array, std::shared_ptr<const void> owner);

/// The array in a new tensor. Throws a StatusError for a boolean that is neither 0 nor 1.
at::Tensor tensor_copy(const ArrayView& array);

/// Bytes as booleans. Throws a StatusError for one that is neither 0 nor 1.
at::Tensor booleans(const at::Tensor& bytes);

/// Integers as int64 where models take nothing else: in `target`, `labels` and `input_ids`. All
/// else stays. Throws a StatusError for a uint64 of 2^63 or above.
at::Tensor as_models_take_it(absl::string_view name, const at::Tensor& tensor);

}  // namespace composer
