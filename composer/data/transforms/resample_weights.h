#pragma once

#include <cstdint>
#include <vector>

namespace composer {

enum class ResampleFilter { kNearest, kBilinear, kBicubic };

/// How the pixels of one dimension are made of those of another size. Output i is the sum of
/// weights[i
/// * taps + j] * input[first[i] + j], j < count[i], and `rounding()`, shifted right by `precision`;
/// weights beyond count[i] are 0.
struct ResampleWeights {
  int64_t taps = 0;
  int precision = 0;
  std::vector<int64_t> first;
  std::vector<int64_t> count;
  std::vector<int16_t> weights;
  /// Where they are computed.
  std::vector<double> exact;

  int32_t rounding() const { return int32_t{1} << (precision - 1); }
};

/// Fills `out`, whose memory is reused, for kBilinear or kBicubic. With `antialias` the filter is
/// as wide as what becomes one pixel; without, it takes the nearest two or four. Weights have 15
/// bits, as in ATen and Pillow, so that sums are those of ATen's kernels for bytes.
void compute_resample_weights(int64_t input_size, int64_t output_size, ResampleFilter filter,
                              bool antialias, ResampleWeights& out);

}  // namespace composer
