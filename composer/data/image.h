#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace composer {

/// Bytes of an image that someone else holds. The byte of channel c, row y and column x lies at
/// data + c * channel_stride + y * row_stride + x * column_stride; strides may be negative.
struct ImageView {
  const uint8_t* data = nullptr;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  std::ptrdiff_t channel_stride = 0;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 0;
};

/// The same for bytes that may be written.
struct MutableImageView {
  uint8_t* data = nullptr;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  std::ptrdiff_t channel_stride = 0;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 0;

  operator ImageView() const {
    return {data, channels, height, width, channel_stride, row_stride, column_stride};
  }
};

/// An image with a border of one value around it, which lies nowhere in memory.
struct PaddedImage {
  ImageView pixels;
  int64_t top = 0;
  int64_t bottom = 0;
  int64_t left = 0;
  int64_t right = 0;
  uint8_t fill = 0;

  int64_t height() const { return top + pixels.height + bottom; }
  int64_t width() const { return left + pixels.width + right; }
};

/// [channel][row][column], as IDX, CIFAR and tensors have it.
inline ImageView planar_image(const uint8_t* data, int64_t channels, int64_t height,
                              int64_t width) {
  return {data, channels, height, width, height * width, width, 1};
}

/// [row][column][channel], as JPEG and PNG decoders give it.
inline ImageView interleaved_image(const uint8_t* data, int64_t channels, int64_t height,
                                   int64_t width) {
  return {data, channels, height, width, 1, width * channels, channels};
}

/// Whether a mean can be subtracted, and a standard deviation divided by, in float.
inline bool is_float_mean(double mean) {
  return std::abs(mean) <= std::numeric_limits<float>::max();
}
inline bool is_float_std(double std) {
  return std >= std::numeric_limits<float>::min() && std <= std::numeric_limits<float>::max();
}

/// Of pixels scaled to [0, 1]: one value for each channel.
struct ChannelStatistics {
  std::vector<double> mean;
  std::vector<double> std;
};

}  // namespace composer
