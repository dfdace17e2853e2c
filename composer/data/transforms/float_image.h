#pragma once

#include <cstdint>

namespace composer {

/// An image in its place in the batch. The value of channel c, row y and column x lies at data + c
/// * channel_stride + y * row_stride + x * column_stride.
struct FloatImage {
  float* data = nullptr;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channel_stride = 0;
  int64_t row_stride = 0;
  int64_t column_stride = 0;
};

}  // namespace composer
