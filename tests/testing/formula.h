#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <string>

namespace composer::testing {

/// Numbers from -0.5 to 0.5 by a name, the same as those of `formula` in
/// tests/golden/models/make_resnet.py: whole numbers until the last division.
at::Tensor formula(const std::string& name, at::IntArrayRef sizes);

/// Sets a model's parameters and buffers by their names, as `set_by_formula` there does.
void set_by_formula(torch::nn::Module& model);

}  // namespace composer::testing
