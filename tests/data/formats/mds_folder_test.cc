#include "composer/data/formats/mds_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "composer/data/formats/mds_value.h"
#include "tests/data/formats/idx_files.h"
#include "tests/data/formats/mds_files.h"

namespace composer {
namespace {

// The value of a column, which must be there.
std::string value_of(const MdsFolder& folder, int64_t sample, const std::string& column) {
  const MdsFolder::Place place = folder.locate(sample);
  const auto shard = folder.shard(place.shard);
  if (!shard.ok()) return std::string(shard.status().message());
  std::vector<absl::Span<const uint8_t>> values;
  const absl::Status status = (*shard)->shard.read(place.index, values);
  if (!status.ok()) return std::string(status.message());
  for (size_t i = 0; i < values.size(); ++i) {
    if (folder.columns()[i].name == column) return {values[i].begin(), values[i].end()};
  }
  return "no such column";
}

// The status of opening it and all its shards.
absl::Status open_all(const std::string& dir, bool verify) {
  const auto folder = MdsFolder::open(dir, {.verify = verify});
  if (!folder.ok()) return folder.status();
  for (int64_t i = 0; i < (*folder)->num_shards(); ++i) {
    const auto shard = (*folder)->shard(i);
    if (!shard.ok()) return shard.status();
  }
  return absl::OkStatus();
}

void expect_damaged(const std::string& dir, bool verify, const std::vector<std::string>& parts) {
  const absl::Status status = open_all(dir, verify);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), dir + "/")) << status;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

TEST(MdsFolderTest, HasTheValuesThatStreamingReads) {
  for (const char* name : {"numbers", "numbers_zstd"}) {
    SCOPED_TRACE(name);
    const auto folder = MdsFolder::open(golden_mds(name), {.verify = false});
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_EQ((*folder)->size(), 5);
    EXPECT_EQ((*folder)->num_shards(), 3);
    std::set<std::string> encodings;
    for (const MdsColumn& column : (*folder)->columns()) encodings.insert(column.encoding);
    EXPECT_EQ(encodings.size(), 19u);
    for (const GoldenValue& golden : golden_values(name, 95)) {
      SCOPED_TRACE(golden.column);
      const std::string value = value_of(**folder, golden.sample, golden.column);
      for (const MdsColumn& column : (*folder)->columns()) {
        if (column.name != golden.column) continue;
        const auto encoding = parse_mds_encoding(column.encoding);
        ASSERT_TRUE(encoding.ok()) << encoding.status();
        const auto array = view_mds_array(
            *encoding, {reinterpret_cast<const uint8_t*>(value.data()), value.size()});
        ASSERT_TRUE(array.ok()) << array.status();
        EXPECT_EQ(std::string(array->bytes.begin(), array->bytes.end()), golden.bytes);
        EXPECT_EQ(array->shape, golden.shape);
        EXPECT_EQ(element_name(array->type), golden.type == "bytes" ? "uint8" : golden.type);
      }
    }
  }
}

TEST(MdsFolderTest, LocatesEverySample) {
  const auto opened = MdsFolder::open(golden_mds("numbers"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const MdsFolder& folder = **opened;
  EXPECT_EQ(folder.start(folder.num_shards()), folder.size());
  for (int64_t sample = 0; sample < folder.size(); ++sample) {
    const MdsFolder::Place place = folder.locate(sample);
    EXPECT_EQ(folder.start(place.shard) + place.index, sample);
    EXPECT_LT(sample, folder.start(place.shard + 1));
  }
}

TEST(MdsFolderTest, VerifiesEveryHashThatStreamingOffers) {
  EXPECT_TRUE(open_all(golden_mds("numbers_zstd"), true).ok())
      << open_all(golden_mds("numbers_zstd"), true);
}

TEST(MdsFolderTest, NoticesDamageByTheHashes) {
  const std::string dir = copy_of_golden_mds("numbers_zstd");
  const std::string path = dir + "/shard.00001.mds.zstd";
  std::string bytes = read_whole_file(path);
  bytes[bytes.size() / 2] ^= 1;
  write_file(path, bytes);
  expect_damaged(dir, true, {"shard.00001.mds.zstd: expected blake2b ", "the file is damaged"});
}

TEST(MdsFolderTest, VerifiesWhatWasDecompressed) {
  const std::string dir = copy_of_golden_mds("jpeg");
  const auto folder = MdsFolder::open(dir);
  ASSERT_TRUE(folder.ok()) << folder.status();
  const std::string index = read_whole_file(dir + "/index.json");
  const size_t raw = index.find("\"sha1\": \"", index.find("raw_data")) + 9;
  std::string other = index;
  other[raw] = other[raw] == '0' ? '1' : '0';
  write_file(dir + "/index.json", other);
  expect_damaged(dir, true, {"shard.00000.mds: expected sha1"});
}

TEST(MdsFolderTest, SaysThatThereIsNothingToVerify) {
  const absl::Status status = open_all(golden_mds("numbers"), true);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(status.message(), "the index has none")) << status;
}

TEST(MdsFolderTest, RefusesHashesItDoesNotKnow) {
  const std::string dir = copy_of_golden_mds("jpeg");
  replace_in_file(dir + "/index.json", "\"sha1\"", "\"crc9\"");
  const absl::Status status = open_all(dir, true);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "\"crc9\"")) << status;
}

TEST(MdsFolderTest, PrefersAFileThatIsDecompressedAlready) {
  const std::string dir = copy_of_golden_mds("jpeg");
  {
    const auto folder = MdsFolder::open(dir);
    ASSERT_TRUE(folder.ok()) << folder.status();
    const auto shard = (*folder)->shard(0);
    ASSERT_TRUE(shard.ok()) << shard.status();
    const auto& memory = std::get<PageMemory>((*shard)->memory);
    write_file(dir + "/shard.00000.mds", std::string(memory.bytes().begin(), memory.bytes().end()));
  }
  unlink((dir + "/shard.00000.mds.zstd").c_str());
  const auto folder = MdsFolder::open(dir, {.verify = true});
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(value_of(**folder, 3, "class"), std::string("\x09\0\0\0\0\0\0\0", 8));
}

TEST(MdsFolderTest, RefusesFilesOfAnotherSize) {
  const std::string dir = copy_of_golden_mds("numbers");
  write_file(dir + "/shard.00001.mds", read_whole_file(dir + "/shard.00001.mds") + "x");
  expect_damaged(dir, false,
                 {"shard.00001.mds: expected 3192 bytes, as the index says, found 3193"});
  unlink((dir + "/shard.00001.mds").c_str());
  const absl::Status missing = open_all(dir, false);
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(missing.message(), "shard.00001.mds")) << missing;
}

TEST(MdsFolderTest, DoesNotBelieveADecompressedSize) {
  for (const char* size : {"700", "4294967295"}) {
    const std::string dir = copy_of_golden_mds("jpeg");
    const std::string index = read_whole_file(dir + "/index.json");
    const size_t begin = index.find("\"bytes\": ", index.find("raw_data")) + 9;
    write_file(dir + "/index.json",
               index.substr(0, begin) + size + index.substr(index.find(',', begin)));
    expect_damaged(dir, false, {"shard.00000.mds.zstd: expected " + std::string(size) + " bytes"});
  }
}

TEST(MdsFolderTest, RefusesDamagedCompression) {
  const std::string dir = copy_of_golden_mds("jpeg");
  const std::string path = dir + "/shard.00000.mds.zstd";
  const std::string sound = read_whole_file(path);
  write_file(path, std::string(sound.size(), 'x'));
  expect_damaged(dir, false, {"expected sound zstd data"});
}

TEST(MdsFolderTest, NamesWhatIsMissing) {
  const std::string dir = make_folder();
  const absl::Status status = MdsFolder::open(dir).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(status.message(), dir + "/index.json")) << status;
}

TEST(MdsFolderTest, GivesShardsToSeveralThreads) {
  // So small that each shard drops the other.
  const auto folder = MdsFolder::open(golden_mds("numbers_zstd"), {.cache_bytes = 1});
  ASSERT_TRUE(folder.ok()) << folder.status();
  std::vector<std::string> expected;
  for (int64_t i = 0; i < 5; ++i) expected.push_back(value_of(**folder, i, "raw"));
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t i = 0; i < 400; ++i) {
        const int64_t sample = (i * (t + 1)) % 5;
        wrong[t] += value_of(**folder, sample, "raw") != expected[sample];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

}  // namespace
}  // namespace composer
