#pragma once

#include <cstdint>

namespace composer {

struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;
};

struct DecodeOptions {
  /// 3 for RGB, 1 for grey; an image of another kind is converted.
  int channels = 3;
  /// JPEGs are decoded at the smallest of the scales 1/8, 2/8 ... 8/8 whose shorter side has at
  /// least so many pixels; at 0, and where the image is smaller, in full size.
  int64_t decode_size = 0;
};

/// An image of more pixels is refused before memory is taken for it: the limit from which Pillow
/// refuses an image as a decompression bomb, 512 MiB in RGB.
inline constexpr int64_t kMaxImagePixels = 178'956'970;

/// Makes `count` RGB pixels grey in place, as Pillow's convert("L") does: ITU-R 601-2 luma.
inline void make_grey(uint8_t* pixels, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* rgb = pixels + 3 * i;
    pixels[i] =
        static_cast<uint8_t>((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
  }
}

}  // namespace composer
