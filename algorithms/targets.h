#pragma once

#include <ATen/core/Tensor.h>

#include "absl/strings/string_view.h"
#include "composer/core/tensor_dict.h"

namespace composer {

// What algorithms that change targets share.

/// True when `targets` holds a class for each position, shape [N, ...], rather than a weight for
/// each class, the shape of `logits`, [N, C, ...]. Throws a ValueError when it is neither.
bool are_classes(const at::Tensor& logits, const at::Tensor& targets);

/// `targets` as a weight for each class, shape [N, C, ...], in single precision, or double where
/// the logits are. Classes become one-hot; the weights of a negative class, a position to ignore,
/// are all zero. Throws a ValueError for a class that is not below C.
at::Tensor dense_targets(const at::Tensor& logits, const at::Tensor& targets);

/// The output that targets belong to: `logits`, or the only one there is. Throws a
/// NotImplementedError, with `algorithm` in front, when there are several others.
const at::Tensor& logits_of(const Outputs& outputs, absl::string_view algorithm);

}  // namespace composer
