#include "composer/data/formats/png.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zlib.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/golden_images.h"

namespace composer {
namespace {

absl::Span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string big_endian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

std::string chunk(const std::string& kind, const std::string& data) {
  const std::string body = kind + data;
  const auto* const bytes = reinterpret_cast<const Bytef*>(body.data());
  return big_endian(static_cast<uint32_t>(data.size())) + body +
         big_endian(static_cast<uint32_t>(crc32(0, bytes, static_cast<uInt>(body.size()))));
}

constexpr char kSignature[] = "\x89PNG\r\n\x1a\n";

// Of 8-bit RGB.
std::string header(uint32_t width, uint32_t height) {
  return kSignature +
         chunk("IHDR", big_endian(width) + big_endian(height) + std::string("\x08\x02\0\0\0", 5));
}

class PngTest : public testing::Test {
 protected:
  absl::StatusOr<ImageSize> decode(const std::string& file) {
    return decode_png(bytes_of(file), 3, pixels_);
  }

  void expect_damaged(const std::string& file, const std::string& part) {
    const absl::Status status = decode(file).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }

  const std::string sound_ = golden_image_file("rgb.png");
  std::vector<uint8_t> pixels_;
};

TEST_F(PngTest, RefusesEveryTruncation) {
  for (const char* name : {"rgb.png", "interlaced.png", "palette.png", "grey_16.png"}) {
    const std::string file = golden_image_file(name);
    for (size_t size = 0; size < file.size(); ++size) {
      ASSERT_EQ(decode(file.substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
          << name << " " << size;
    }
  }
  expect_damaged(sound_.substr(0, 900),
                 "byte 900: expected more PNG data, the file ends: it is truncated");
  expect_damaged("", "byte 0: expected a PNG");
}

TEST_F(PngTest, RefusesEveryDamagedByte) {
  for (const char* name : {"rgb.png", "interlaced.png", "palette.png"}) {
    const std::string file = golden_image_file(name);
    for (size_t i = 0; i < file.size(); ++i) {
      std::string damaged = file;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
      ASSERT_EQ(decode(damaged).status().code(), absl::StatusCode::kDataLoss) << name << " " << i;
    }
  }
  std::string damaged = sound_;
  damaged[100] = static_cast<char>(damaged[100] ^ 1);
  expect_damaged(damaged, "expected sound PNG data, found damage (IDAT: ");
}

TEST_F(PngTest, RefusesDamageInWhatItDoesNotUse) {
  const std::string text = chunk("tEXt", std::string("a\0b", 3));
  std::string file = sound_;
  file.insert(33, text);
  EXPECT_TRUE(decode(file).ok()) << decode(file).status();
  file[33 + 10] = 'x';
  expect_damaged(file, "CRC error");
}

TEST_F(PngTest, DoesNotLookAtGammaAndProfiles) {
  ASSERT_TRUE(decode(sound_).ok());
  const std::vector<uint8_t> expected = pixels_;
  std::string file = sound_;
  file.insert(33, chunk("gAMA", big_endian(100000)));
  ASSERT_TRUE(decode(file).ok());
  EXPECT_EQ(pixels_, expected);
  file.insert(33, chunk("iCCP", std::string("broken\0\0profile", 15)));
  EXPECT_TRUE(decode(file).ok()) << decode(file).status();
}

TEST_F(PngTest, RefusesTooFewPixels) {
  // The data of a smaller image under a larger header.
  std::string file = sound_;
  file.replace(0, 33, header(37, 30));
  expect_damaged(file, "Not enough image data");
}

TEST_F(PngTest, DoesNotAllocateADeclaredSize) {
  const auto peak_kilobytes = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const auto before = peak_kilobytes();
  const auto with_header = [&](uint32_t width, uint32_t height) {
    return header(width, height) + sound_.substr(33);
  };
  expect_damaged(with_header(12000, 12000), "have no room for them");
  expect_damaged(with_header(100000, 100000), "at most 178956970 pixels");
  expect_damaged(with_header(0x7fffffff, 1), "Invalid IHDR data");
  expect_damaged(with_header(0, 1), "expected sound PNG data");
  // A chunk that declares 2 GB.
  expect_damaged(header(37, 29) + "\x7f\xff\xff\xf0iTXt" + sound_.substr(33), "truncated");
  expect_damaged(header(37, 29) + "\x7f\xff\xff\xf0tRNS" + sound_.substr(33), "expected");
  expect_damaged(header(37, 29) + "\x7f\xff\xff\xf0PLTE" + sound_.substr(33), "expected");
  EXPECT_LT(peak_kilobytes() - before, 8 << 10);
}

}  // namespace
}  // namespace composer
