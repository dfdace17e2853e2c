#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "composer/data/image.h"
#include "composer/data/transforms/resample.h"

namespace composer {

/// Memory that images are worked on in. Used by one thread at a time and reused from image to
/// image, so that in the long run nothing is allocated.
struct ImageScratch {
  /// Where images are made, in turn.
  std::array<std::vector<uint8_t>, 2> pixels;
  ResampleScratch resample;
  /// For copies that are worked on beside the image, and what they add up to; null until needed.
  std::unique_ptr<ImageScratch> branch;
  std::vector<float> mixture;
};

/// An image on its way through transforms. Cropping, padding and flipping change how the bytes are
/// looked at and touch none of them; they are copied at most once, by the first transform that
/// needs others.
class LazyImage {
 public:
  /// `pixels` stay where they are, and are not written.
  LazyImage(const ImageView& pixels, ImageScratch& scratch);

  int64_t channels() const { return image_.pixels.channels; }
  int64_t height() const { return image_.height(); }
  int64_t width() const { return image_.width(); }

  /// Adds pixels of value `fill` on the sides. REQUIRES: none is negative.
  void pad(int64_t top, int64_t bottom, int64_t left, int64_t right, uint8_t fill);
  /// Keeps a window. REQUIRES: it lies in the image and is not empty.
  void crop(int64_t top, int64_t left, int64_t height, int64_t width);
  void flip_horizontally();
  void flip_vertically();

  /// As it stands, for what writes it somewhere.
  const PaddedImage& padded() const { return image_; }
  /// The pixels to read, those that were padded too; strides may be negative.
  ImageView pixels();
  /// The pixels to change in place.
  MutableImageView mutable_pixels();
  /// Becomes a new image of the same channels and memory order, to be written by the caller. What
  /// `pixels` gave before stays valid until the next call.
  MutableImageView replace(int64_t height, int64_t width);

  ImageScratch& scratch() { return *scratch_; }

 private:
  // Copies the pixels into the scratch memory, so that they lie there without a border.
  MutableImageView materialize();

  PaddedImage image_;
  ImageScratch* scratch_;
  // Which of the scratch memories holds the pixels; -1 for none.
  int buffer_ = -1;
};

}  // namespace composer
