#include "composer/data/formats/jpeg.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/golden_images.h"

namespace composer {
namespace {

absl::Span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class JpegTest : public testing::Test {
 protected:
  absl::StatusOr<ImageSize> decode(const std::string& file, const DecodeOptions& options = {}) {
    return decoder_.decode(bytes_of(file), options, pixels_);
  }

  void expect_damaged(const std::string& file, const std::string& part) {
    const absl::Status status = decode(file).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }

  const std::string sound_ = golden_image_file("rgb_420.jpg");
  JpegDecoder decoder_;
  std::vector<uint8_t> pixels_;
};

TEST_F(JpegTest, ReadsTheHeader) {
  const auto header = [&](const std::string& name) {
    const std::string file = golden_image_file(name);
    const auto read = decoder_.read_header(bytes_of(file));
    EXPECT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->size.width, 37);
    EXPECT_EQ(read->size.height, 29);
    return read->components;
  };
  EXPECT_EQ(header("grey.jpg"), 1);
  EXPECT_EQ(header("rgb_420.jpg"), 3);
  EXPECT_EQ(header("keep_rgb.jpg"), 3);
  EXPECT_EQ(header("cmyk.jpg"), 4);
}

TEST_F(JpegTest, TakesTheSmallestScaleThatIsLargeEnough) {
  const auto scaled = [](int64_t height, int64_t width, int64_t decode_size) {
    const ImageSize size = scaled_size({height, width}, decode_size);
    return std::make_pair(size.height, size.width);
  };
  EXPECT_EQ(scaled(400, 800, 0), std::make_pair(int64_t{400}, int64_t{800}));
  EXPECT_EQ(scaled(400, 800, 50), std::make_pair(int64_t{50}, int64_t{100}));
  EXPECT_EQ(scaled(400, 800, 51), std::make_pair(int64_t{100}, int64_t{200}));
  EXPECT_EQ(scaled(400, 800, 224), std::make_pair(int64_t{250}, int64_t{500}));
  EXPECT_EQ(scaled(800, 401, 51), std::make_pair(int64_t{100}, int64_t{51}));
  EXPECT_EQ(scaled(400, 800, 400), std::make_pair(int64_t{400}, int64_t{800}));
  EXPECT_EQ(scaled(400, 800, 4000), std::make_pair(int64_t{400}, int64_t{800}));
}

TEST_F(JpegTest, DecodesAtEveryScale) {
  for (int64_t size = 1; size <= 30; ++size) {
    const auto decoded = decode(sound_, {.decode_size = size});
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    const ImageSize expected = scaled_size({29, 37}, size);
    EXPECT_EQ(decoded->height, expected.height);
    EXPECT_EQ(decoded->width, expected.width);
  }
}

TEST_F(JpegTest, RefusesEveryTruncation) {
  for (const char* name : {"rgb_420.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg"}) {
    const std::string file = golden_image_file(name);
    for (size_t size = 0; size < file.size(); ++size) {
      const absl::Status status = decode(file.substr(0, size)).status();
      ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << name << " " << size;
      ASSERT_TRUE(absl::StrContains(status.message(), "expected")) << status;
    }
  }
  expect_damaged(sound_.substr(0, 900),
                 "byte 900: expected more JPEG data, the file ends: it is truncated");
  expect_damaged(sound_.substr(0, 168),
                 "the file ends at byte 168 without a JPEG's end (ff d9), so it may be truncated");
  expect_damaged("", "the file is empty");
}

TEST_F(JpegTest, DecodesAfterAnError) {
  ASSERT_TRUE(decode(sound_).ok());
  const std::vector<uint8_t> expected = pixels_;
  for (size_t size = 0; size < sound_.size(); ++size) {
    ASSERT_FALSE(decode(sound_.substr(0, size)).ok());
    const auto decoded = decode(sound_);
    ASSERT_TRUE(decoded.ok()) << size << " " << decoded.status();
    ASSERT_EQ(pixels_, expected);
  }
}

TEST_F(JpegTest, RefusesDamageThatLibjpegOnlyWarnsAbout) {
  // Behind the scan's header, whose 14 bytes start with ff da, nothing but ff: no code has so many
  // ones.
  std::string damaged = sound_;
  const size_t scan = damaged.find("\xff\xda") + 14;
  for (size_t i = scan; i + 2 < damaged.size(); i += 2) {
    damaged[i] = '\xff';
    damaged[i + 1] = '\0';
  }
  expect_damaged(damaged, "expected sound JPEG data, found damage (Corrupt JPEG data: ");
}

TEST_F(JpegTest, TakesSuperfluousBytesBeforeTheEnd) {
  ASSERT_TRUE(decode(sound_).ok());
  const std::vector<uint8_t> expected = pixels_;
  std::string padded = sound_;
  padded.insert(padded.size() - 2, "abcd");
  const auto decoded = decode(padded);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(pixels_, expected);
  EXPECT_TRUE(decode(sound_ + "behind the end").ok());
}

TEST_F(JpegTest, TakesUnknownVersionsOfJfifButNoDamageBehindThem) {
  std::string file = sound_;
  ASSERT_EQ(file.substr(6, 4), "JFIF");
  file[11] = 0;
  const auto decoded = decode(file);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  expect_damaged(file.substr(0, 900), "it is truncated");
}

TEST_F(JpegTest, NeverReadsOutsideADamagedFile) {
  int refused = 0;
  for (const char* name : {"rgb_420.jpg", "progressive.jpg", "cmyk.jpg"}) {
    const std::string file = golden_image_file(name);
    for (size_t i = 0; i < file.size(); ++i) {
      std::string damaged = file;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
      refused += !decode(damaged).ok();
    }
  }
  EXPECT_GT(refused, 500);
}

TEST_F(JpegTest, DoesNotAllocateADeclaredSize) {
  const auto peak_kilobytes = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  std::string huge = sound_;
  const size_t frame = huge.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  const auto before = peak_kilobytes();
  huge.replace(frame + 5, 4, "\x2e\xe0\x2e\xe0");
  expect_damaged(huge,
                 "expected a JPEG of 12000x12000 pixels, as its header says, found 1296 bytes");
  huge.replace(frame + 5, 4, "\xf0\x00\xf0\x00", 4);
  expect_damaged(huge, "expected a JPEG of at most 178956970 pixels, found one of 61440x61440");
  huge.replace(frame + 5, 4, "\xff\xff\xff\xff");
  expect_damaged(huge, "65500");
  EXPECT_LT(peak_kilobytes() - before, 8 << 10);
}

}  // namespace
}  // namespace composer
