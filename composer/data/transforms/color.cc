#include "composer/data/transforms/color.h"

#include <algorithm>
#include <cmath>

#include "composer/data/transforms/byte_loops.h"

namespace composer {
namespace {

uint8_t truncated(float x) { return static_cast<uint8_t>(std::clamp(x, 0.0f, 255.0f)); }

// What becomes of a byte that is mixed with `other`. As ATen's kernel, which multiplies and adds
// with one rounding.
uint8_t blend(float byte, float other, float ratio, float rest) {
  const float part = byte * ratio;
  return truncated(static_cast<float>(double{other} * double{rest} + double{part}));
}

float grey(float r, float g, float b) { return std::floor(r * 0.2989f + g * 0.587f + b * 0.114f); }

float mean_grey(const MutableImageView& image) {
  double sum = 0;
  if (image.channels == 3) {
    for_each_pixel(image, [&](uint8_t r, uint8_t g, uint8_t b) { sum += grey(r, g, b); });
  } else {
    for_each_byte(image, 0, [&](uint8_t byte) { sum += byte; });
  }
  return static_cast<float>(sum / static_cast<double>(image.height * image.width));
}

uint8_t to_byte(float unit) { return static_cast<uint8_t>(unit * (256 - 1e-3f)); }

}  // namespace

void adjust_brightness(const MutableImageView& image, double factor) {
  look_up(image,
          byte_table([&](int i) { return static_cast<float>(i) * static_cast<float>(factor); }));
}

void adjust_contrast(const MutableImageView& image, double factor) {
  const float mean = mean_grey(image);
  look_up(image, byte_table([&](int i) {
            return blend(static_cast<float>(i), mean, static_cast<float>(factor),
                         static_cast<float>(1 - factor));
          }));
}

void adjust_saturation(const MutableImageView& image, double factor) {
  if (image.channels != 3) return;
  const float ratio = static_cast<float>(factor);
  const float rest = static_cast<float>(1 - factor);
  for_each_pixel(image, [&](uint8_t& r, uint8_t& g, uint8_t& b) {
    const float level = grey(r, g, b);
    r = blend(r, level, ratio, rest);
    g = blend(g, level, ratio, rest);
    b = blend(b, level, ratio, rest);
  });
}

void adjust_hue(const MutableImageView& image, double shift) {
  if (image.channels != 3) return;
  for_each_pixel(image, [&](uint8_t& red, uint8_t& green, uint8_t& blue) {
    const int most = std::max({red, green, blue});
    const int least = std::min({red, green, blue});
    // Grey has no hue to turn, but it is rounded on the way to floats and back.
    const float value = static_cast<float>(most) * (1 / 255.0f);
    if (most == least) {
      red = green = blue = to_byte(value);
      return;
    }
    const float range = static_cast<float>(most - least);
    const float r = static_cast<float>(most - red) / range;
    const float g = static_cast<float>(most - green) / range;
    const float b = static_cast<float>(most - blue) / range;
    const float sixth = red == most ? b - g : green == most ? r + 2 - b : g + 4 - r;
    float hue = sixth / 6 + 1 + static_cast<float>(shift);
    hue = (hue - std::floor(hue)) * 6;

    const float saturation = range / static_cast<float>(most);
    const float sector = std::floor(hue);
    const float part = saturation * (hue - sector);
    const uint8_t v = to_byte(value);
    const uint8_t p = to_byte((1 - saturation) * value);
    const uint8_t q = to_byte((1 - part) * value);
    const uint8_t t = to_byte((part + 1 - saturation) * value);
    const auto set = [&](uint8_t new_red, uint8_t new_green, uint8_t new_blue) {
      red = new_red;
      green = new_green;
      blue = new_blue;
    };
    switch (static_cast<int>(sector)) {
      case 1:
        return set(q, v, p);
      case 2:
        return set(p, v, t);
      case 3:
        return set(p, q, v);
      case 4:
        return set(t, p, v);
      case 5:
        return set(v, p, q);
      default:
        return set(v, t, p);
    }
  });
}

}  // namespace composer
