#include "composer/data/transforms/tone.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "composer/data/transforms/byte_loops.h"

namespace composer {
namespace {

using Histogram = std::array<int64_t, 256>;

// Puts each channel through the table that `table_of` makes of its histogram.
template <typename TableOf>
void look_up_by_histogram(const MutableImageView& image, TableOf table_of) {
  for (int64_t c = 0; c < image.channels; ++c) {
    Histogram histogram = {};
    for_each_byte(image, c, [&](uint8_t byte) { ++histogram[byte]; });
    const ByteTable table = table_of(histogram);
    for_each_byte(image, c, [&](uint8_t& byte) { byte = table[byte]; });
  }
}

ByteTable unchanged() {
  return byte_table([](int i) { return i; });
}

ByteTable stretched(const Histogram& histogram) {
  const auto is_used = [](int64_t count) { return count > 0; };
  const auto low = std::find_if(histogram.begin(), histogram.end(), is_used) - histogram.begin();
  const auto high =
      histogram.rend() - std::find_if(histogram.rbegin(), histogram.rend(), is_used) - 1;
  if (high <= low) return unchanged();
  const double scale = 255.0 / static_cast<double>(high - low);
  const double offset = -static_cast<double>(low) * scale;
  return byte_table([&](int i) { return i * scale + offset; });
}

ByteTable equalized(const Histogram& histogram) {
  int64_t pixels = 0, used = 0, last = 0;
  for (const int64_t count : histogram) {
    pixels += count;
    if (count == 0) continue;
    ++used;
    last = count;
  }
  const int64_t step = (pixels - last) / 255;
  if (used <= 1 || step == 0) return unchanged();
  int64_t below = step / 2;
  return byte_table([&](int i) {
    const int64_t value = below / step;
    below += histogram[i];
    return value;
  });
}

int grey(int r, int g, int b) { return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16; }

// From `from` at factor 0 through `byte` at 1 and beyond.
uint8_t blend(int from, int byte, float factor) {
  const float value = static_cast<float>(from) + factor * static_cast<float>(byte - from);
  return static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f));
}

int mean_grey(const MutableImageView& image) {
  int64_t sum = 0;
  if (image.channels == 3) {
    for_each_pixel(image, [&](uint8_t r, uint8_t g, uint8_t b) { sum += grey(r, g, b); });
  } else {
    for_each_byte(image, 0, [&](uint8_t byte) { sum += byte; });
  }
  const auto pixels = static_cast<double>(image.height * image.width);
  return static_cast<int>(static_cast<double>(sum) / pixels + 0.5);
}

// The pixel's byte counts five times, its eight neighbours' once.
int smooth(const uint8_t* byte, std::ptrdiff_t row, std::ptrdiff_t column) {
  int sum = 4 * *byte;
  for (const std::ptrdiff_t y : {-row, std::ptrdiff_t{0}, row}) {
    sum += byte[y - column] + byte[y] + byte[y + column];
  }
  return (2 * sum + 13) / 26;
}

}  // namespace

void autocontrast(const MutableImageView& image) { look_up_by_histogram(image, stretched); }

void equalize(const MutableImageView& image) { look_up_by_histogram(image, equalized); }

void posterize(const MutableImageView& image, int bits) {
  const int mask = 0xff << (8 - bits);
  look_up(image, byte_table([&](int i) { return i & mask; }));
}

void solarize(const MutableImageView& image, int threshold) {
  look_up(image, byte_table([&](int i) { return i < threshold ? i : 255 - i; }));
}

void enhance_color(const MutableImageView& image, double factor) {
  if (image.channels != 3) return;
  const float ratio = static_cast<float>(factor);
  for_each_pixel(image, [&](uint8_t& r, uint8_t& g, uint8_t& b) {
    const int level = grey(r, g, b);
    r = blend(level, r, ratio);
    g = blend(level, g, ratio);
    b = blend(level, b, ratio);
  });
}

void enhance_contrast(const MutableImageView& image, double factor) {
  const int mean = mean_grey(image);
  look_up(image, byte_table([&](int i) { return blend(mean, i, static_cast<float>(factor)); }));
}

void enhance_sharpness(LazyImage& image, double factor) {
  const ImageView in = image.pixels();
  const MutableImageView out = image.replace(in.height, in.width);
  const float ratio = static_cast<float>(factor);
  for (int64_t c = 0; c < in.channels; ++c) {
    for (int64_t y = 0; y < in.height; ++y) {
      const uint8_t* byte = in.data + c * in.channel_stride + y * in.row_stride;
      uint8_t* made = out.data + c * out.channel_stride + y * out.row_stride;
      const bool inner_row = y > 0 && y + 1 < in.height;
      for (int64_t x = 0; x < in.width; ++x) {
        const bool inner = inner_row && x > 0 && x + 1 < in.width;
        *made = inner ? blend(smooth(byte, in.row_stride, in.column_stride), *byte, ratio) : *byte;
        byte += in.column_stride;
        made += out.column_stride;
      }
    }
  }
}

}  // namespace composer
