#pragma once

#include <array>
#include <cstdint>

#include "composer/data/image.h"

namespace composer {

/// Calls `act(byte)`, with a reference that may be written, for each byte of a channel.
template <typename Act>
void for_each_byte(const MutableImageView& image, int64_t channel, Act act) {
  for (int64_t y = 0; y < image.height; ++y) {
    uint8_t* byte = image.data + channel * image.channel_stride + y * image.row_stride;
    for (int64_t x = 0; x < image.width; ++x, byte += image.column_stride) act(*byte);
  }
}

/// Calls `act(r, g, b)`, with references that may be written, for each pixel. REQUIRES: the image
/// has three channels.
template <typename Act>
void for_each_pixel(const MutableImageView& image, Act act) {
  for (int64_t y = 0; y < image.height; ++y) {
    uint8_t* pixel = image.data + y * image.row_stride;
    for (int64_t x = 0; x < image.width; ++x, pixel += image.column_stride) {
      act(pixel[0], pixel[image.channel_stride], pixel[2 * image.channel_stride]);
    }
  }
}

/// What becomes of each value of a byte.
using ByteTable = std::array<uint8_t, 256>;

/// `value_of(i)` for each i, cut off below a whole number and limited to a byte.
template <typename ValueOf>
ByteTable byte_table(ValueOf value_of) {
  ByteTable table;
  for (int i = 0; i < 256; ++i) {
    const auto value = value_of(i);
    table[i] = value <= 0 ? 0 : value >= 255 ? 255 : static_cast<uint8_t>(value);
  }
  return table;
}

/// Puts every byte of the image through one table.
inline void look_up(const MutableImageView& image, const ByteTable& table) {
  for (int64_t c = 0; c < image.channels; ++c) {
    for_each_byte(image, c, [&](uint8_t& byte) { byte = table[byte]; });
  }
}

}  // namespace composer
