#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "composer/data/formats/decoded_image.h"

namespace composer {

/// An image of tests/golden/data/images and what Pillow and torchvision read from it: see
/// tests/golden/data/images.py.
struct GoldenImage {
  std::string name;
  ImageSize size;
  std::vector<uint8_t> rgb;
  std::vector<uint8_t> grey;
  /// The sizes of Pillow's draft mode, at 1/2, 1/4 and 1/8; empty where there is none.
  std::vector<ImageSize> drafts;
  /// RGB, of the first of `drafts`.
  std::vector<uint8_t> half;

  std::string path() const;
};

std::vector<GoldenImage> golden_images();

/// The bytes of the file of that name.
std::string golden_image_file(const std::string& name);

}  // namespace composer
