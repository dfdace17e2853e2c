#include "tests/data/formats/golden_images.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace composer {
namespace {

constexpr char kFolder[] = "tests/golden/data/images/";

std::vector<uint8_t> take(std::ifstream& file, int64_t count) {
  std::vector<uint8_t> bytes(static_cast<size_t>(count));
  EXPECT_TRUE(file.read(reinterpret_cast<char*>(bytes.data()), count).good());
  return bytes;
}

}  // namespace

std::string GoldenImage::path() const { return kFolder + name; }

std::vector<GoldenImage> golden_images() {
  std::ifstream list(std::string(kFolder) + "images.txt");
  std::ifstream pixels(std::string(kFolder) + "pixels.bin", std::ios::binary);
  std::vector<GoldenImage> images;
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    GoldenImage image;
    words >> image.name >> image.size.width >> image.size.height;
    const int64_t count = image.size.height * image.size.width;
    image.rgb = take(pixels, count * 3);
    image.grey = take(pixels, count);
    for (ImageSize draft; words >> draft.width >> draft.height;) {
      if (draft.width > 0) image.drafts.push_back(draft);
    }
    if (!image.drafts.empty()) {
      image.half = take(pixels, image.drafts[0].height * image.drafts[0].width * 3);
    }
    images.push_back(std::move(image));
  }
  EXPECT_EQ(images.size(), 20u);
  EXPECT_EQ(pixels.peek(), std::ifstream::traits_type::eof());
  return images;
}

std::string golden_image_file(const std::string& name) {
  std::ifstream file(kFolder + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace composer
