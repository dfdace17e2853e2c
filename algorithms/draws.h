#pragma once

#include <ATen/core/Generator.h>

#include <cstdint>

namespace composer {

/// From Beta(alpha, alpha). REQUIRES: alpha > 0.
double draw_beta(double alpha, const at::Generator& generator);

/// A whole number from 0 to `count` - 1. REQUIRES: count > 0.
int64_t draw_below(int64_t count, const at::Generator& generator);

}  // namespace composer
