#pragma once

#include <array>
#include <cstdint>

#include "composer/data/transforms/lazy_image.h"

namespace composer {

/// Where a pixel comes from: what is in column x and row y, whose middle is (x + 0.5, y + 0.5), was
/// at column m[0] x + m[1] y + m[2] and row m[3] x + m[4] y + m[5] of these middles.
using AffineMatrix = std::array<double, 6>;

/// Moves the pixels, mixed of the four nearest; what comes from outside is 0. As the Python Imaging
/// Library's Image.transform with bilinear resampling, bit for bit. Keeps the size.
void transform_affinely(LazyImage& image, const AffineMatrix& matrix);

/// A counterclockwise rotation about the middle of an image, as Image.rotate makes it.
AffineMatrix rotation(double degrees, int64_t height, int64_t width);

}  // namespace composer
