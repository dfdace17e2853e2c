#include "algorithms/box.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "algorithms/draws.h"

namespace composer {
namespace {

int64_t draw_middle(int64_t size, int64_t image, bool uniform, const at::Generator& generator) {
  if (!uniform || size == 0) return draw_below(image, generator);
  // The side begins anywhere from where its last pixel is the image's first.
  const int64_t start = draw_below(image + size - 1, generator) - (size - 1);
  return start + size / 2;
}

}  // namespace

ImageSize image_size(const at::Tensor& images) {
  TORCH_CHECK_VALUE(images.dim() >= 3 && images.size(-2) > 0 && images.size(-1) > 0,
                    "expected images, [samples, channels, height, width], not a tensor of shape ",
                    images.sizes());
  return {images.size(-2), images.size(-1)};
}

Box box_around(int64_t y, int64_t x, ImageSize size, ImageSize image) {
  const int64_t top = y - size.height / 2;
  const int64_t left = x - size.width / 2;
  return {.top = std::clamp<int64_t>(top, 0, image.height),
          .left = std::clamp<int64_t>(left, 0, image.width),
          .bottom = std::clamp<int64_t>(top + size.height, 0, image.height),
          .right = std::clamp<int64_t>(left + size.width, 0, image.width)};
}

Box draw_box(ImageSize size, ImageSize image, bool uniform, const at::Generator& generator) {
  const int64_t y = draw_middle(size.height, image.height, uniform, generator);
  const int64_t x = draw_middle(size.width, image.width, uniform, generator);
  return box_around(y, x, size, image);
}

double covered(const Box& box, ImageSize image) {
  return static_cast<double>(box.size().height * box.size().width) /
         static_cast<double>(image.height * image.width);
}

at::Tensor inside(const at::Tensor& images, const Box& box) {
  return images.narrow(-2, box.top, box.size().height).narrow(-1, box.left, box.size().width);
}

}  // namespace composer
