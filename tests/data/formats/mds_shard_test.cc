#include "composer/data/formats/mds_shard.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"

namespace composer {
namespace {

// Of fixed size, then of any.
const std::vector<MdsColumn>& columns() {
  static const auto& columns =
      *new std::vector<MdsColumn>{{"a", "uint16", 2}, {"b", "bytes", 0}, {"c", "str", 0}};
  return columns;
}

std::string words(const std::vector<uint32_t>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), 4 * values.size());
}

std::string sample(const std::string& a, const std::string& b, const std::string& c) {
  return words({static_cast<uint32_t>(b.size()), static_cast<uint32_t>(c.size())}) + a + b + c;
}

std::string shard_of(const std::vector<std::string>& samples) {
  // Between the table and the samples stands a text that readers pass over.
  const std::string config = "{}";
  std::vector<uint32_t> head = {static_cast<uint32_t>(samples.size())};
  std::string data;
  const uint32_t start = static_cast<uint32_t>(4 * (samples.size() + 2) + config.size());
  for (const std::string& one : samples) {
    head.push_back(start + static_cast<uint32_t>(data.size()));
    data += one;
  }
  head.push_back(start + static_cast<uint32_t>(data.size()));
  return words(head) + config + data;
}

absl::StatusOr<MdsShard> open(const std::string& bytes, int64_t samples = 2) {
  return MdsShard::open({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, columns(),
                        samples, "s.mds");
}

absl::Status read_all(const std::string& bytes) {
  const auto shard = open(bytes);
  if (!shard.ok()) return shard.status();
  std::vector<absl::Span<const uint8_t>> values;
  for (int64_t i = 0; i < shard->size(); ++i) {
    const absl::Status status = shard->read(i, values);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void expect_damaged(const std::string& bytes, const std::vector<std::string>& parts) {
  const absl::Status status = read_all(bytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), "s.mds")) << status;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

const std::string kSound = shard_of({sample("xy", "", "text"), sample("zw", "abc", "")});

TEST(MdsShardTest, GivesTheValuesOfASample) {
  const auto shard = open(kSound);
  ASSERT_TRUE(shard.ok()) << shard.status();
  std::vector<absl::Span<const uint8_t>> values;
  const auto text = [&](size_t column) {
    return std::string(values[column].begin(), values[column].end());
  };
  ASSERT_TRUE(shard->read(1, values).ok());
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(text(0), "zw");
  EXPECT_EQ(text(1), "abc");
  EXPECT_EQ(text(2), "");
  ASSERT_TRUE(shard->read(0, values).ok());
  EXPECT_EQ(text(0), "xy");
  EXPECT_EQ(text(2), "text");
}

TEST(MdsShardTest, OpensAShardWithoutSamples) {
  EXPECT_TRUE(open(shard_of({}), 0).ok()) << open(shard_of({}), 0).status();
}

TEST(MdsShardTest, RefusesEveryTruncationAndAddition) {
  for (size_t length = 0; length < kSound.size(); ++length) {
    expect_damaged(kSound.substr(0, length), {"byte ", "expected", "found"});
  }
  expect_damaged("", {"byte 0", "an empty file"});
  expect_damaged(kSound + "x", {"the end at byte " + std::to_string(kSound.size() + 1)});
}

TEST(MdsShardTest, RefusesANumberOfSamplesThatTheIndexDoesNotHave) {
  const auto shard = open(kSound, 3);
  EXPECT_EQ(shard.status().message(),
            "s.mds: byte 0: expected 3 samples, as the index says, found 2");
}

TEST(MdsShardTest, RefusesPositionsOutsideTheFile) {
  // The positions of sample 0, of sample 1, and the end.
  const auto with = [](size_t entry, uint32_t value) {
    std::string bytes = kSound;
    bytes.replace(4 * (entry + 1), 4, words({value}));
    return bytes;
  };
  expect_damaged(with(0, 15), {"byte 4", "a first sample at byte 16 or later", "one at 15"});
  expect_damaged(with(1, 0xffffffff), {"sample 0", "found 18 to 4294967295"});
  expect_damaged(with(1, 17), {"sample 0", "found 18 to 17"});
  expect_damaged(with(2, 0xffffffff), {"the end at byte"});
  expect_damaged(with(1, 19), {"sample 0: expected at least 8 bytes, found 1"});
}

TEST(MdsShardTest, RefusesValuesThatDoNotFillTheirSample) {
  expect_damaged(shard_of({sample("xy", "", "text") + "!", sample("zw", "", "")}),
                 {"sample 0", "values of 7 bytes together, found 6"});
  expect_damaged(shard_of({sample("xy", "", ""), words({0xffffffff, 0}) + "zw"}),
                 {"sample 1", "a value of 4294967295 bytes in column 1", "found 0"});
  expect_damaged(shard_of({sample("xy", "", ""), words({0, 0}) + "z"}),
                 {"sample 1", "a value of 2 bytes in column 0", "found 1"});
}

}  // namespace
}  // namespace composer
