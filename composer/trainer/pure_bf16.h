#pragma once

#include <torch/nn/module.h>

#include <optional>

#include "composer/core/precision.h"
#include "composer/core/tensor_dict.h"

namespace composer {

/// Parameters and buffers of floating point in bfloat16, in place; others, such as counters, stay.
void convert_to_bf16(torch::nn::Module& model);

/// A batch as a model of `precision` takes it: for bf16 its tensors of floating point in bfloat16,
/// else as it is.
std::optional<Batch> in_precision(std::optional<Batch> batch, Precision precision);

}  // namespace composer
