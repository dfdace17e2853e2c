#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace composer {

/// Whether `ghost_norm_on_cpu` takes these: on the CPU, of a floating dtype, and the weight and the
/// bias, where defined, of that dtype or float for half precision.
bool has_ghost_norm_on_cpu(const at::Tensor& input, const at::Tensor& weight,
                           const at::Tensor& bias);

struct GhostNormalised {
  /// As the input, in its memory format.
  at::Tensor output = {};
  /// Of each part, [parts, channels], float for half precision; the variances are unbiased. They
  /// have no gradients.
  at::Tensor mean = {};
  at::Tensor var = {};
};

/// Batch normalisation of each `part_size` samples of `input`, [batch, channels, ...]; the last
/// part may be smaller, and each has two values in each channel at least. `weight` and `bias` are
/// [channels] or undefined. Differentiable, any number of times.
GhostNormalised ghost_norm_on_cpu(const at::Tensor& input, int64_t part_size,
                                  const at::Tensor& weight, const at::Tensor& bias, double eps);

}  // namespace composer
