#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace composer {

// Places in images, whose last two dimensions are their height and width.

struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;
  bool operator==(const ImageSize&) const = default;
};

/// Throws a ValueError for what is no [samples, ..., height, width].
ImageSize image_size(const at::Tensor& images);

/// In pixels; `bottom` and `right` are the first row and column below and beside it.
struct Box {
  int64_t top = 0;
  int64_t left = 0;
  int64_t bottom = 0;
  int64_t right = 0;

  ImageSize size() const { return {bottom - top, right - left}; }
  bool operator==(const Box&) const = default;
};

/// What lies in `image` of a box of `size` whose middle is at row `y` and column `x`: of an even
/// side the pixel behind the middle. Empty where nothing does.
Box box_around(int64_t y, int64_t x, ImageSize size, ImageSize image);

/// What lies in `image` of a box of `size` at a random place. Its middle is any pixel of the image,
/// so that pixels at the sides are in it less often; or, when `uniform`, it is so far out at most
/// that all pixels are in it equally often.
Box draw_box(ImageSize size, ImageSize image, bool uniform, const at::Generator& generator);

/// The part of `image` that `box` covers, 0 to 1.
double covered(const Box& box, ImageSize image);

/// The box of each of `images`; a view. REQUIRES: it lies in them.
at::Tensor inside(const at::Tensor& images, const Box& box);

}  // namespace composer
