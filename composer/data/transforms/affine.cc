#include "composer/data/transforms/affine.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace composer {
namespace {

// Of one row, or column, of pixels: the two nearest, and how far the place is from the first one.
struct Neighbours {
  int64_t first;
  int64_t second;
  double part;
};

Neighbours neighbours(double place, int64_t size) {
  const double before = std::floor(place - 0.5);
  const int64_t first = static_cast<int64_t>(before);
  return {std::max<int64_t>(first, 0), std::min(first + 1, size - 1), place - 0.5 - before};
}

double between(double a, double b, double part) { return a + (b - a) * part; }

uint8_t mixed(const uint8_t* channel, const ImageView& image, const Neighbours& rows,
              const Neighbours& columns) {
  const auto in_row = [&](int64_t row) {
    const uint8_t* const bytes = channel + row * image.row_stride;
    return between(bytes[columns.first * image.column_stride],
                   bytes[columns.second * image.column_stride], columns.part);
  };
  return static_cast<uint8_t>(between(in_row(rows.first), in_row(rows.second), rows.part));
}

// As the original rounds, so that what should be whole is whole.
double to_15_digits(double x) { return std::round(x * 1e15) / 1e15; }

}  // namespace

void transform_affinely(LazyImage& image, const AffineMatrix& m) {
  const ImageView in = image.pixels();
  const MutableImageView out = image.replace(in.height, in.width);
  const double height = static_cast<double>(in.height), width = static_cast<double>(in.width);
  for (int64_t y = 0; y < out.height; ++y) {
    uint8_t* pixel = out.data + y * out.row_stride;
    const double middle_y = static_cast<double>(y) + 0.5;
    for (int64_t x = 0; x < out.width; ++x, pixel += out.column_stride) {
      const double middle_x = static_cast<double>(x) + 0.5;
      const double from_x = m[0] * middle_x + m[1] * middle_y + m[2];
      const double from_y = m[3] * middle_x + m[4] * middle_y + m[5];
      if (!(from_x >= 0 && from_x < width && from_y >= 0 && from_y < height)) {
        for (int64_t c = 0; c < in.channels; ++c) pixel[c * out.channel_stride] = 0;
        continue;
      }
      const Neighbours rows = neighbours(from_y, in.height), columns = neighbours(from_x, in.width);
      for (int64_t c = 0; c < in.channels; ++c) {
        pixel[c * out.channel_stride] = mixed(in.data + c * in.channel_stride, in, rows, columns);
      }
    }
  }
}

AffineMatrix rotation(double degrees, int64_t height, int64_t width) {
  const double angle = -degrees * std::numbers::pi / 180;
  const double cos = to_15_digits(std::cos(angle)), sin = to_15_digits(std::sin(angle));
  const double x = static_cast<double>(width) / 2, y = static_cast<double>(height) / 2;
  return {cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y};
}

}  // namespace composer
