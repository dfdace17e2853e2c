#pragma once

#include <ATen/core/Tensor.h>

namespace composer {

/// What attention with linear biases (ALiBi; Press et al., 2021, arXiv:2108.12409) adds to its
/// scores: -slope * |i - j|, for query i, key j and the slope of each head. One object serves all
/// layers of a model that have the same slopes, so that the biases are in memory once.
class LinearBiases {
 public:
  /// `slopes`: [heads]; throws a ValueError for another shape.
  explicit LinearBiases(const at::Tensor& slopes);

  const at::Tensor& slopes() const { return slopes_; }

  /// [1, heads, sequence, sequence], for queries [batch, heads, sequence, size] and on their device
  /// in their dtype. Where it is `causal`, later keys have the lowest number of the dtype. Kept
  /// until it is asked for another length, device or dtype.
  const at::Tensor& of(const at::Tensor& query, bool causal);

 private:
  const at::Tensor slopes_;
  at::Tensor biases_;
  bool causal_ = false;
};

/// The lowest finite number of a floating-point type, float32's for wider ones: a score that
/// softmax makes 0 of. (With minus infinity, a row that is masked whole would be NaN.)
double lowest_score(at::ScalarType type);

}  // namespace composer
