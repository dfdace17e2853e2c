#include "composer/data/formats/image_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/golden_images.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

std::vector<uint8_t> read(const GoldenImage& image, const DecodeOptions& options,
                          const ImageSize& expected) {
  std::vector<uint8_t> pixels;
  const absl::StatusOr<ImageSize> size = read_image_file(image.path(), options, pixels);
  EXPECT_TRUE(size.ok()) << size.status();
  if (!size.ok()) return {};
  EXPECT_EQ(size->height, expected.height);
  EXPECT_EQ(size->width, expected.width);
  pixels.resize(static_cast<size_t>(size->height * size->width * options.channels));
  return pixels;
}

TEST(ImageFileTest, ReadsThePixelsThatPillowAndTorchvisionRead) {
  for (const GoldenImage& image : golden_images()) {
    SCOPED_TRACE(image.name);
    EXPECT_EQ(read(image, {.channels = 3}, image.size), image.rgb);
    EXPECT_EQ(read(image, {.channels = 1}, image.size), image.grey);
  }
}

TEST(ImageFileTest, DecodesAtTheScalesOfPillowsDraftMode) {
  int compared = 0;
  for (const GoldenImage& image : golden_images()) {
    SCOPED_TRACE(image.name);
    for (size_t i = 0; i < image.drafts.size(); ++i) {
      const ImageSize& draft = image.drafts[i];
      const auto pixels = read(image, {.decode_size = std::min(draft.height, draft.width)}, draft);
      if (i == 0) {
        EXPECT_EQ(pixels, image.half);
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, 8);
}

TEST(ImageFileTest, ReusesABufferThatIsLargeEnough) {
  std::vector<uint8_t> pixels(1 << 20, 77);
  const uint8_t* const before = pixels.data();
  for (const GoldenImage& image : golden_images()) {
    ASSERT_TRUE(read_image_file(image.path(), {}, pixels).ok());
    EXPECT_TRUE(std::equal(image.rgb.begin(), image.rgb.end(), pixels.begin())) << image.name;
  }
  EXPECT_EQ(pixels.data(), before);
  EXPECT_EQ(pixels.size(), size_t{1} << 20);
}

TEST(ImageFileTest, ReadsInSeveralThreadsAtOnce) {
  const std::vector<GoldenImage> images = golden_images();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (const GoldenImage& image : images) {
        EXPECT_EQ(read(image, {}, image.size), image.rgb) << image.name;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ImageFileTest, TellsFormatsApartByContent) {
  const std::string path = make_folder() + "/really_a.png";
  write_file(path, golden_image_file("grey.jpg"));
  std::vector<uint8_t> pixels;
  const auto size = read_image_file(path, {.channels = 1}, pixels);
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(size->width, 37);
}

TEST(ImageFileTest, NamesTheFileThatIsNoImage) {
  const std::string folder = make_folder();
  std::vector<uint8_t> pixels;
  const auto expect = [&](const std::string& path, const std::string& message) {
    const absl::Status status = read_image_file(path, {}, pixels).status();
    EXPECT_TRUE(absl::StartsWith(status.message(), path)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), message)) << status;
  };
  write_file(folder + "/a.jpg", "GIF89a");
  expect(folder + "/a.jpg",
         "byte 0: expected a JPEG (ff d8 ff) or a PNG (89 50 4e 47 0d 0a 1a 0a), "
         "found 47 49 46 38");
  write_file(folder + "/empty.jpg", "");
  expect(folder + "/empty.jpg", "the file is empty");
  const std::string sound = golden_image_file("rgb_420.jpg");
  write_file(folder + "/short.jpg", sound.substr(0, 900));
  expect(folder + "/short.jpg", "byte 900: expected more JPEG data, the file ends");
  expect(folder + "/none.jpg", "No such file");
  expect(folder, "expected a file, found a folder");
}

}  // namespace
}  // namespace composer
