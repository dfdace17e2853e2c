#pragma once

#include <string>

#include "composer/core/tensor_dict.h"

namespace composer::testing {

/// Reads a file of golden numbers, `path` relative to the repository. Each tensor is two lines: its
/// name, dtype and sizes, then its values. Throws on anything else.
TensorDict read_golden(const std::string& path);

/// |actual - expected| / |expected|, in double precision; infinite when the shapes differ.
double relative_error(const at::Tensor& actual, const at::Tensor& expected);

}  // namespace composer::testing
