#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace composer {

/// From Beta(alpha, alpha). REQUIRES: alpha > 0.
double draw_beta(double alpha, const at::Generator& generator);

/// A whole number from 0 to `count` - 1. REQUIRES: count > 0.
int64_t draw_below(int64_t count, const at::Generator& generator);

/// Normal, mean 0 and standard deviation 1, where and as `options` say: on another device than the
/// CPU, which `generator` is of, by a generator there that is seeded by it.
at::Tensor draw_normal(at::IntArrayRef sizes, const at::TensorOptions& options,
                       const at::Generator& generator);

}  // namespace composer
