#include "composer/data/formats/mds_value.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"

namespace composer {
namespace {

absl::Span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// What view_mds_array makes of it, or its error.
absl::StatusOr<ArrayView> view(const std::string& encoding, const std::string& value) {
  const auto parsed = parse_mds_encoding(encoding);
  if (!parsed.ok()) return parsed.status();
  return view_mds_array(*parsed, bytes_of(value));
}

std::string described(const std::string& encoding, const std::string& value) {
  const auto array = view(encoding, value);
  if (!array.ok()) return std::string(array.status().message());
  return std::string(element_name(array->type)) + " " + shape_text(array->shape) + " " +
         std::string(array->bytes.begin(), array->bytes.end());
}

TEST(MdsValueTest, ReadsScalars) {
  EXPECT_EQ(described("int", "12345678"), "int64 [] 12345678");
  EXPECT_EQ(described("uint8", "1"), "uint8 [] 1");
  EXPECT_EQ(described("float16", "12"), "float16 [] 12");
  EXPECT_EQ(described("float64", "1234567"), "expected float64 [], found 7 bytes");
  EXPECT_EQ(described("uint8", ""), "expected uint8 [], found 0 bytes");
}

TEST(MdsValueTest, ReadsTheThreeFormsOfArrays) {
  EXPECT_EQ(described("ndarray:int16:2,3", "abcdefghijkl"), "int16 [2, 3] abcdefghijkl");
  EXPECT_EQ(described("ndarray:int16", "\x08\2\3abcdefghijkl"), "int16 [2, 3] abcdefghijkl");
  EXPECT_EQ(described("ndarray", "\x11\x08\2\3abcdefghijkl"), "int16 [2, 3] abcdefghijkl");
  // A shape of 16 bits, and one of 64.
  EXPECT_EQ(described("ndarray:uint8", std::string("\5\3\0abc", 6)), "uint8 [3] abc");
  EXPECT_EQ(described("ndarray:uint8", std::string("\7\3\0\0\0\0\0\0\0abc", 12)), "uint8 [3] abc");
}

TEST(MdsValueTest, RefusesDamagedArrays) {
  EXPECT_EQ(described("ndarray", ""), "expected an array's type, found no bytes");
  EXPECT_EQ(described("ndarray", "\x13"), "expected an array's type, found code 19");
  EXPECT_EQ(described("ndarray", "\x11"),
            "expected an array's number of dimensions, found the end of the value");
  EXPECT_EQ(described("ndarray:uint8", "\x0b\3"),
            "expected the sizes of 2 dimensions, found the end of the value");
  EXPECT_EQ(described("ndarray:uint8", "\4\4abc"), "expected uint8 [4], found 3 bytes");
  const std::string huge = "\x0b" + std::string(16, '\xff');
  EXPECT_TRUE(absl::StrContains(described("ndarray:uint8", huge), "found 0 bytes"));
  std::string wrapping = std::string("\x0b") + std::string(16, '\0');
  wrapping[5] = wrapping[13] = 1;  // 2^32 x 2^32
  EXPECT_TRUE(absl::StrContains(described("ndarray:uint8", wrapping), "found 0 bytes"));
}

TEST(MdsValueTest, GivesTextAndBytesAsTheyAre) {
  EXPECT_EQ(described("str", "text"), "uint8 [4] text");
  EXPECT_EQ(described("bytes", ""), "uint8 [0] ");
  EXPECT_EQ(parse_mds_encoding("json")->kind, MdsEncoding::Kind::TEXT);
  EXPECT_EQ(parse_mds_encoding("bytes")->kind, MdsEncoding::Kind::BYTES);
  EXPECT_EQ(parse_mds_encoding("jpeg")->kind, MdsEncoding::Kind::IMAGE_FILE);
  EXPECT_EQ(parse_mds_encoding("png")->kind, MdsEncoding::Kind::IMAGE_FILE);
}

TEST(MdsValueTest, RefusesEncodingsByName) {
  for (const char* encoding : {"pkl", "list[jpeg]", "jpeg_array", "str_int", "str_decimal"}) {
    const absl::Status status = parse_mds_encoding(encoding).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), encoding)) << status;
  }
  for (const char* encoding : {"", "integer", "bool", "bfloat16", "ndarray:bool", "ndarray:int16:",
                               "ndarray:int16:0", "ndarray:int16:2,-1", "ndarray:int16:2:3",
                               "ndarray:int8:9,x", "ndarray:int8:4294967296,4294967296"}) {
    EXPECT_EQ(parse_mds_encoding(encoding).status().code(), absl::StatusCode::kInvalidArgument)
        << encoding;
  }
}

TEST(MdsValueTest, ReadsPixels) {
  const auto pil = [](uint32_t width, uint32_t height, const std::string& mode,
                      const std::string& pixels) {
    const uint32_t head[] = {width, height, static_cast<uint32_t>(mode.size())};
    return std::string(reinterpret_cast<const char*>(head), sizeof head) + mode + pixels;
  };
  const std::string rgb = pil(2, 1, "RGB", "abcdef");
  const auto pixels = view_mds_pixels(bytes_of(rgb));
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  EXPECT_EQ(pixels->width, 2);
  EXPECT_EQ(pixels->height, 1);
  EXPECT_EQ(pixels->channels, 3);
  EXPECT_EQ(std::string(pixels->bytes.begin(), pixels->bytes.end()), "abcdef");
  EXPECT_EQ(view_mds_pixels(bytes_of(pil(2, 1, "L", "ab")))->channels, 1);

  const absl::Status palette = view_mds_pixels(bytes_of(pil(2, 1, "P", "ab"))).status();
  EXPECT_EQ(palette.code(), absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(absl::StrContains(palette.message(), "mode \"P\"")) << palette;
  for (const std::string& damaged :
       {pil(2, 1, "RGB", "abcde"), pil(2, 1, "RGB", "abcdefg"), pil(0, 1, "L", ""),
        pil(0xffffffff, 0xffffffff, "RGB", "abc"), rgb.substr(0, 11), rgb.substr(0, 13)}) {
    EXPECT_EQ(view_mds_pixels(bytes_of(damaged)).status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace composer
