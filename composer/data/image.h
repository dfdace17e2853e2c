#pragma once

#include <cstddef>
#include <cstdint>
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

/// Of pixels scaled to [0, 1]: one value for each channel.
struct ChannelStatistics {
  std::vector<double> mean;
  std::vector<double> std;
};

}  // namespace composer
