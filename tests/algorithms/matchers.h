#pragma once

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

namespace composer::testing {

MATCHER_P2(IsNear, expected, tolerance, "") {
  *result_listener << arg;
  return arg.dtype() == expected.dtype() && arg.sizes() == expected.sizes() &&
         at::allclose(arg, expected, /*rtol=*/0, /*atol=*/tolerance);
}

/// The same type, shape and values.
MATCHER_P(IsExactly, expected, "") {
  *result_listener << arg;
  return arg.dtype() == expected.dtype() && at::equal(arg, expected);
}

}  // namespace composer::testing
