#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "composer/data/image.h"
#include "composer/data/transforms/float_image.h"

namespace composer {

/// Writes the bytes of an image as floats, (pixel / 255 - mean) / std, with the bits that these
/// three steps in single precision give: those of torchvision's ToTensor and Normalize.
class Normalizer {
 public:
  /// REQUIRES: `statistics` has a mean and a std for each channel, std above 0.
  explicit Normalizer(const ChannelStatistics& statistics);

  int64_t channels() const { return static_cast<int64_t>(table_.size()); }

  /// In any memory order; fastest from and to those that datasets and batches have.
  /// REQUIRES: `image` and `out` have these channels and one size.
  void write(const PaddedImage& image, const FloatImage& out) const;

  /// The same bits by the processor's common instructions alone.
  void write_portably(const PaddedImage& image, const FloatImage& out) const;

 private:
  // What each byte becomes, for each channel.
  std::vector<std::array<float, 256>> table_;

  // The arithmetic of normalizer_avx2.h: constants for eight floats at a time, those of each
  // channel and those of channels that alternate. Empty where the processor has not the
  // instructions, or where the arithmetic would not give the table's bits.
  std::vector<float> planar_constants_;
  std::vector<float> interleaved_constants_;
};

}  // namespace composer
