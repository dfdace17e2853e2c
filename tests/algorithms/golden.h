#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace composer::testing {

/// The tensor called `name` in the files of tests/golden/algorithms. Ends the test when there is
/// none.
at::Tensor golden(const std::string& name);

}  // namespace composer::testing
