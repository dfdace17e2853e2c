#include "composer/data/transforms/lazy_image.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace composer {
namespace {

// `count` bytes, `stride` apart, side by side or `out_stride` apart.
void copy_bytes(const uint8_t* in, std::ptrdiff_t stride, uint8_t* out, std::ptrdiff_t out_stride,
                int64_t count) {
  if (stride == 1 && out_stride == 1) {
    std::memcpy(out, in, count);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i * out_stride] = in[i * stride];
  }
}

}  // namespace

LazyImage::LazyImage(const ImageView& pixels, ImageScratch& scratch)
    : image_{.pixels = pixels}, scratch_(&scratch) {}

void LazyImage::pad(int64_t top, int64_t bottom, int64_t left, int64_t right, uint8_t fill) {
  const bool bordered = image_.top > 0 || image_.bottom > 0 || image_.left > 0 || image_.right > 0;
  if (bordered && image_.fill != fill) materialize();
  image_.top += top;
  image_.bottom += bottom;
  image_.left += left;
  image_.right += right;
  image_.fill = fill;
}

void LazyImage::crop(int64_t top, int64_t left, int64_t height, int64_t width) {
  ImageView& pixels = image_.pixels;
  // The part of the window that is pixels, from `first` to `last`, the rest is border.
  const auto cut = [](int64_t begin, int64_t size, int64_t& before, int64_t& inside,
                      int64_t& after) {
    const int64_t first = std::clamp(begin, before, before + inside);
    const int64_t last = std::clamp(begin + size, before, before + inside);
    const int64_t skipped = first - before;
    inside = last - first;
    before = std::clamp<int64_t>(first - begin, 0, size);
    after = size - before - inside;
    return skipped;
  };
  const int64_t rows = cut(top, height, image_.top, pixels.height, image_.bottom);
  const int64_t columns = cut(left, width, image_.left, pixels.width, image_.right);
  if (pixels.height > 0 && pixels.width > 0) {
    pixels.data += rows * pixels.row_stride + columns * pixels.column_stride;
  }
}

void LazyImage::flip_horizontally() {
  ImageView& pixels = image_.pixels;
  if (pixels.width > 0) pixels.data += (pixels.width - 1) * pixels.column_stride;
  pixels.column_stride = -pixels.column_stride;
  std::swap(image_.left, image_.right);
}

void LazyImage::flip_vertically() {
  ImageView& pixels = image_.pixels;
  if (pixels.height > 0) pixels.data += (pixels.height - 1) * pixels.row_stride;
  pixels.row_stride = -pixels.row_stride;
  std::swap(image_.top, image_.bottom);
}

ImageView LazyImage::pixels() {
  if (image_.pixels.height != height() || image_.pixels.width != width()) materialize();
  return image_.pixels;
}

MutableImageView LazyImage::mutable_pixels() {
  if (buffer_ < 0) return materialize();
  const ImageView view = pixels();
  // The bytes lie in the scratch memory, which is this image's to write.
  return {const_cast<uint8_t*>(view.data),
          view.channels,
          view.height,
          view.width,
          view.channel_stride,
          view.row_stride,
          view.column_stride};
}

MutableImageView LazyImage::replace(int64_t height, int64_t width) {
  const int64_t channels = image_.pixels.channels;
  buffer_ = buffer_ == 0 ? 1 : 0;
  std::vector<uint8_t>& memory = scratch_->pixels[buffer_];
  const size_t size = static_cast<size_t>(channels * height * width);
  if (memory.size() < size) memory.resize(size);
  const bool interleaved = image_.pixels.channel_stride == 1 && channels > 1;
  image_ = {.pixels = interleaved ? interleaved_image(memory.data(), channels, height, width)
                                  : planar_image(memory.data(), channels, height, width)};
  const ImageView& view = image_.pixels;
  return {memory.data(),   channels,          height, width, view.channel_stride,
          view.row_stride, view.column_stride};
}

MutableImageView LazyImage::materialize() {
  const PaddedImage from = image_;
  const MutableImageView to = replace(from.height(), from.width());
  if (from.height() != from.pixels.height || from.width() != from.pixels.width) {
    std::memset(to.data, from.fill, to.channels * to.height * to.width);
  }
  const ImageView& in = from.pixels;
  const bool whole_pixels = in.channel_stride == 1 && in.column_stride == in.channels;
  for (int64_t y = 0; y < in.height; ++y) {
    const uint8_t* row = in.data + y * in.row_stride;
    uint8_t* out = to.data + (from.top + y) * to.row_stride + from.left * to.column_stride;
    if (whole_pixels) {
      std::memcpy(out, row, in.width * in.channels);
      continue;
    }
    for (int64_t c = 0; c < in.channels; ++c) {
      copy_bytes(row + c * in.channel_stride, in.column_stride, out + c * to.channel_stride,
                 to.column_stride, in.width);
    }
  }
  return to;
}

}  // namespace composer
