#include "composer/data/formats/idx.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

class IdxTest : public testing::Test {
 protected:
  // Expects that the file is refused as damaged, in a message with its name and all of `parts`.
  void expect_damaged(const std::string& name, const std::string& bytes, int dimensions,
                      const std::vector<std::string>& parts) {
    const std::string path = folder_ + "/" + name;
    write_file(path, bytes);
    const absl::Status status = read_idx(path, dimensions).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_TRUE(absl::StartsWith(status.message(), path + ": byte ")) << status;
    for (const std::string& part : parts) {
      EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
    }
  }

  const std::string folder_ = make_folder();
  const std::string sound_ = idx_header({2, 3}) + std::string("\1\2\3\4\5\xff");
};

TEST_F(IdxTest, ReadsPlainAndCompressedFiles) {
  write_file(folder_ + "/a", sound_);
  write_file(folder_ + "/a.gz", gzip(sound_));
  for (const char* name : {"/a", "/a.gz"}) {
    const absl::StatusOr<IdxArray> array = read_idx(folder_ + name, 2);
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_EQ(array->shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(array->values, (std::vector<uint8_t>{1, 2, 3, 4, 5, 255}));
  }
}

TEST_F(IdxTest, ReadsAGzipFileOfSeveralMembers) {
  write_file(folder_ + "/a.gz", gzip(sound_.substr(0, 9)) + gzip(sound_.substr(9)));
  const absl::StatusOr<IdxArray> array = read_idx(folder_ + "/a.gz", 2);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->values, (std::vector<uint8_t>{1, 2, 3, 4, 5, 255}));
}

TEST_F(IdxTest, ReadsMoreThanItsBuffersHold) {
  std::string payload(3'000'000, '\0');
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 2654435761u >> 24);
  write_file(folder_ + "/a.gz", gzip(idx_header({3'000'000}) + payload));
  const absl::StatusOr<IdxArray> array = read_idx(folder_ + "/a.gz", 1);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE(std::equal(array->values.begin(), array->values.end(), payload.begin(), payload.end(),
                         [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); }));
}

TEST_F(IdxTest, ReadsAnEmptyArray) {
  write_file(folder_ + "/a", idx_header({0, 28}));
  const absl::StatusOr<IdxArray> array = read_idx(folder_ + "/a", 2);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE(array->values.empty());
}

TEST_F(IdxTest, NamesAMissingFile) {
  const absl::Status status = read_idx(folder_ + "/none", 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(status.message(), folder_ + "/none")) << status;
}

TEST_F(IdxTest, RefusesAFolder) { EXPECT_FALSE(read_idx(folder_, 1).ok()); }

TEST_F(IdxTest, RefusesAnEmptyFile) {
  expect_damaged("a", "", 2, {"byte 0:", "magic number (4 bytes)", "the end of the file"});
  expect_damaged("a.gz", "", 2, {"byte 0:", "gzip data", "empty"});
}

TEST_F(IdxTest, RefusesAWrongMagicNumber) {
  expect_damaged("a", "PNG!" + sound_, 2, {"byte 0:", "0x00000802", "found 0x504e4721"});
  expect_damaged("a", idx_header({1, 1, 1}) + "x", 2, {"byte 0:", "2 dimensions", "found 3"});
  std::string floats = sound_;
  floats[2] = 0x0d;
  expect_damaged("a.gz", gzip(floats), 2,
                 {"byte 0 of the decompressed data:", "type 0x08", "found type 0x0d"});
}

TEST_F(IdxTest, RefusesEveryTruncation) {
  for (size_t length = 0; length < sound_.size(); ++length) {
    expect_damaged("a", sound_.substr(0, length), 2, {"expected", "found"});
  }
  expect_damaged("a", sound_.substr(0, 7), 2,
                 {"byte 4:", "the size of dimension 0 (4 bytes)", "only 3"});
  expect_damaged("a", sound_.substr(0, 14), 2,
                 {"byte 14:", "6 elements (2x3)", "the end of the file after 2"});
  expect_damaged("a.gz", gzip(sound_.substr(0, 14)), 2,
                 {"byte 14 of the decompressed data:", "the end of the file after 2"});
}

TEST_F(IdxTest, RefusesEveryTruncationOfTheGzipStream) {
  const std::string compressed = gzip(sound_);
  for (size_t length = 1; length < compressed.size(); ++length) {
    expect_damaged("a.gz", compressed.substr(0, length), 2,
                   {"byte " + std::to_string(length) + ":", "truncated"});
  }
}

TEST_F(IdxTest, RefusesBytesAfterTheLastElement) {
  expect_damaged("a", sound_ + "x", 2, {"byte 18:", "the end after 6 elements", "more bytes"});
  expect_damaged("a.gz", gzip(sound_ + "x"), 2, {"byte 18 of the decompressed data:"});
}

TEST_F(IdxTest, RefusesBytesAfterTheGzipStream) {
  const std::string compressed = gzip(sound_);
  expect_damaged("a.gz", compressed + "x", 2,
                 {"byte " + std::to_string(compressed.size()) + ":", "the end of the gzip data",
                  "found 0x78"});
}

TEST_F(IdxTest, RefusesWhatIsNoGzip) {
  expect_damaged("a.gz", sound_, 2, {"byte 0:", "gzip data", "found 0x00"});
  expect_damaged("a.gz", "\x1fhello, this is no gzip", 2, {"sound gzip data"});
}

TEST_F(IdxTest, RefusesEveryDamageToTheCompressedData) {
  const std::string compressed = gzip(sound_);
  // The ten bytes of the header hold times and flags that say nothing about the data.
  for (size_t i = 10; i < compressed.size(); ++i) {
    std::string damaged = compressed;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    write_file(folder_ + "/a.gz", damaged);
    EXPECT_EQ(read_idx(folder_ + "/a.gz", 2).status().code(), absl::StatusCode::kDataLoss) << i;
  }
}

TEST_F(IdxTest, DoesNotAllocateADeclaredSize) {
  const auto peak_kilobytes = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const auto before = peak_kilobytes();
  expect_damaged("a", idx_header({4'000'000'000u, 28, 28}) + "x", 3,
                 {"3136000000000 elements (4000000000x28x28)", "after 1"});
  expect_damaged("a", idx_header({0xffffffffu, 0xffffffffu}) + "x", 2,
                 {"byte 8:", "fits in 63 bits", "4294967295x4294967295"});
  expect_damaged("a", idx_header({0x10000u, 0x10000u, 0x10000u, 0x10000u}) + "x", 4,
                 {"byte 16:", "fits in 63 bits"});
  EXPECT_LT(peak_kilobytes() - before, 8 << 10);
}

}  // namespace
}  // namespace composer
