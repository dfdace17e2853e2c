#pragma once

#include <ATen/core/Tensor.h>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/core/tensor_dict.h"

namespace composer {

// What all that makes samples into a batch needs.

/// Throws a c10::ValueError that names the sample's place in the batch when one has other tensors
/// than the first.
void check_same_names(absl::Span<const TensorDict> samples);

/// The tensors called `name`, stacked. Throws a c10::ValueError that names the tensor and the
/// sample's place in the batch when one has another shape or type than the first.
/// REQUIRES: samples, all of which have it.
at::Tensor stack_tensors(absl::Span<const TensorDict> samples, absl::string_view name);

}  // namespace composer
