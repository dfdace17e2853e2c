#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace composer::testing {

/// The tensor called `name` in tests/golden/algorithms/algorithms.txt. Ends the test when there is
/// none.
at::Tensor golden(const std::string& name);

}  // namespace composer::testing
