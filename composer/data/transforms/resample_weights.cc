#include "composer/data/transforms/resample_weights.h"

#include <algorithm>
#include <cmath>

namespace composer {
namespace {

// ATen's: where a wide filter makes the picture smoother it is Pillow's cubic, else OpenCV's.
constexpr double kCubicAntialias = -0.5;
constexpr double kCubic = -0.75;

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

// Keys (1981), "Cubic convolution interpolation for digital image processing".
double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

void antialiased(int64_t input_size, double scale, int64_t support_size, ResampleFilter filter,
                 ResampleWeights& out) {
  const double widening = std::max(scale, 1.0);
  const double support = static_cast<double>(support_size) / 2 * widening;
  for (size_t i = 0; i < out.first.size(); ++i) {
    const double center = scale * (static_cast<double>(i) + 0.5);
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t end = std::min(static_cast<int64_t>(center + support + 0.5), input_size);
    out.first[i] = first;
    out.count[i] = std::clamp<int64_t>(end - first, 0, out.taps);
    double* weights = out.exact.data() + i * out.taps;
    double total = 0;
    for (int64_t j = 0; j < out.count[i]; ++j) {
      const double x = (static_cast<double>(j + first) - center + 0.5) * (1 / widening);
      weights[j] = filter == ResampleFilter::kBilinear ? triangle(x) : cubic(x, kCubicAntialias);
      total += weights[j];
    }
    for (int64_t j = 0; j < out.count[i] && total != 0; ++j) weights[j] /= total;
  }
}

void interpolated(int64_t input_size, double scale, ResampleFilter filter, ResampleWeights& out) {
  const bool linear = filter == ResampleFilter::kBilinear;
  const int64_t half = out.taps / 2;
  for (size_t i = 0; i < out.first.size(); ++i) {
    double center = scale * (static_cast<double>(i) + 0.5) - 0.5;
    if (linear) center = std::max(center, 0.0);
    const int64_t index = std::min(static_cast<int64_t>(std::floor(center)), input_size - 1);
    const double offset = std::clamp(center - static_cast<double>(index), 0.0, 1.0);
    const int64_t begin = index - half + 1;
    out.first[i] = std::clamp<int64_t>(begin, 0, input_size - 1);
    out.count[i] = std::min(begin + out.taps, input_size) - out.first[i];
    // What would lie outside is the pixel at the border.
    for (int64_t j = 0; j < out.taps; ++j) {
      const double x = static_cast<double>(j + 1 - half) - offset;
      const int64_t from = std::clamp<int64_t>(begin + j, 0, input_size - 1);
      out.exact[i * out.taps + (from - out.first[i])] += linear ? triangle(x) : cubic(x, kCubic);
    }
  }
}

}  // namespace

void compute_resample_weights(int64_t input_size, int64_t output_size, ResampleFilter filter,
                              bool antialias, ResampleWeights& out) {
  const double scale = static_cast<double>(input_size) / static_cast<double>(output_size);
  const int64_t support_size = filter == ResampleFilter::kBilinear ? 2 : 4;
  out.taps = support_size;
  if (antialias) {
    const double support = static_cast<double>(support_size) / 2 * std::max(scale, 1.0);
    out.taps = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  }
  // Pairs of weights are multiplied at a time.
  out.taps += out.taps % 2;
  out.first.assign(output_size, 0);
  out.count.assign(output_size, 0);
  out.exact.assign(output_size * out.taps, 0);
  if (antialias) {
    antialiased(input_size, scale, support_size, filter, out);
  } else {
    interpolated(input_size, scale, filter, out);
  }

  // As many bits as the largest weight leaves.
  const double largest = *std::max_element(out.exact.begin(), out.exact.end());
  out.precision = 0;
  while (out.precision < 22 && 0.5 + largest * (int64_t{1} << (out.precision + 1)) < (1 << 15)) {
    ++out.precision;
  }
  out.weights.resize(out.exact.size());
  for (size_t i = 0; i < out.exact.size(); ++i) {
    const double scaled = out.exact[i] * static_cast<double>(int64_t{1} << out.precision);
    out.weights[i] = static_cast<int16_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  }
  // Without what counts for nothing at both ends.
  for (int64_t i = 0; i < output_size; ++i) {
    int16_t* weights = out.weights.data() + i * out.taps;
    int64_t& count = out.count[i];
    while (count > 1 && weights[count - 1] == 0) --count;
    const int64_t zeros =
        std::find_if(weights, weights + count - 1, [](int16_t w) { return w != 0; }) - weights;
    std::rotate(weights, weights + zeros, weights + count);
    out.first[i] += zeros;
    count -= zeros;
  }
}

}  // namespace composer
