#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace composer {

/// A batch in memory, and the parts of `part_size` samples that are normalised by themselves; the
/// last may be smaller. All sizes are at least 1.
struct BatchInParts {
  int64_t samples = 0;
  int64_t channels = 0;
  /// Values of a sample in one channel.
  int64_t positions = 0;
  int64_t part_size = 0;
  /// [samples, positions, channels] in memory instead of [samples, channels, positions].
  bool channels_last = false;

  int64_t parts() const { return (samples + part_size - 1) / part_size; }
  int64_t samples_of(int64_t part) const {
    return part + 1 < parts() ? part_size : samples - part * part_size;
  }
};

/// Normalises each part of `input` in each channel on the CPU. `output` is of its dtype, and both
/// lie in memory as `batch` says. The rest is dense and of at::opmath_type of that dtype: `weight`
/// and `bias`, [channels] or undefined; `mean` and `var`, [parts, channels], which become the
/// means and the unbiased variances of the parts, which have two values in each channel at least.
///
/// Sums are of blocks, in double, in the order of memory: bits are the same with any number of
/// threads.
void normalise_parts(const BatchInParts& batch, const at::Tensor& input, const at::Tensor& weight,
                     const at::Tensor& bias, double eps, const at::Tensor& output,
                     const at::Tensor& mean, const at::Tensor& var);

/// The gradients of `normalise_parts`, by that of its output, which is as `input` is in all. Each
/// is written where it is defined: `input_gradient` is as `input`, the others as the weight.
void normalise_parts_backward(const BatchInParts& batch, const at::Tensor& gradient,
                              const at::Tensor& input, const at::Tensor& weight,
                              const at::Tensor& mean, const at::Tensor& var, double eps,
                              const at::Tensor& input_gradient, const at::Tensor& weight_gradient,
                              const at::Tensor& bias_gradient);

}  // namespace composer
