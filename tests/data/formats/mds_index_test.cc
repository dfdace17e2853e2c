#include "composer/data/formats/mds_index.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "tests/data/formats/mds_files.h"

namespace composer {
namespace {

constexpr char kSound[] =
    R"({"version": 2, "shards": [{"column_encodings": ["int", "str"], "column_names": ["a", "b"],)"
    R"( "column_sizes": [8, null], "compression": null, "format": "mds", "hashes": [], "raw_data":)"
    R"( {"basename": "shard.00000.mds", "bytes": 100, "hashes": {}}, "samples": 3,)"
    R"( "size_limit": 1000, "version": 2, "zip_data": null}]})";

void expect_refused(const std::string& json, const std::vector<std::string>& parts,
                    absl::StatusCode code = absl::StatusCode::kDataLoss) {
  const absl::Status status = parse_mds_index(json, "index.json").status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), "index.json: ")) << status;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

std::string sound_but(const std::string& from, const std::string& to) {
  std::string json = kSound;
  EXPECT_GT(absl::StrReplaceAll({{from, to}}, &json), 0) << from;
  return json;
}

TEST(MdsIndexTest, ReadsWhatStreamingWrote) {
  const auto index = parse_mds_index(read_whole_file(golden_mds("numbers_zstd/index.json")), "x");
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_EQ(index->shards.size(), 3u);
  EXPECT_EQ(index->columns.size(), 19u);
  EXPECT_EQ(index->columns[0].name, "dynamic");
  EXPECT_EQ(index->columns[0].encoding, "ndarray");
  EXPECT_EQ(index->columns[0].size, 0);
  EXPECT_EQ(index->columns[1].name, "fixed");
  EXPECT_EQ(index->columns[1].encoding, "ndarray:int16:2,3");
  EXPECT_EQ(index->columns[1].size, 12);
  int64_t samples = 0;
  for (const MdsShardInfo& shard : index->shards) samples += shard.samples;
  EXPECT_EQ(samples, 5);
  EXPECT_EQ(index->shards[1].raw.basename, "shard.00001.mds");
  EXPECT_EQ(index->shards[1].raw.bytes, 3370);
  ASSERT_TRUE(index->shards[1].zip.has_value());
  EXPECT_EQ(index->shards[1].zip->basename, "shard.00001.mds.zstd");
  EXPECT_EQ(index->shards[1].zip->hashes.size(), 17u);
}

TEST(MdsIndexTest, ReadsShardsInFoldersBelow) {
  // As streaming's merge_index writes them.
  const auto index = parse_mds_index(sound_but("shard.00000.mds", "part/0/shard.mds"), "x");
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->shards[0].raw.basename, "part/0/shard.mds");
}

TEST(MdsIndexTest, SaysWhereTheJsonIsBroken) {
  expect_refused("", {"line 1, column 1"});
  expect_refused("{\"version\": 2,\n \"shards\": [}", {"line 2, column 13"});
  expect_refused("\"\xff\"", {"UTF-8"});
  const std::string sound = kSound;
  for (size_t length = 0; length < sound.size(); ++length) {
    expect_refused(sound.substr(0, length), {});
  }
}

TEST(MdsIndexTest, NamesThePlaceOfWhatIsWrong) {
  expect_refused("[]", {"expected an object, found an array"});
  const std::string deep(200'000, '[');
  expect_refused("{\"version\": " + deep + std::string(deep.size(), ']') + "}",
                 {"version: expected", "found an array"});
  expect_refused("{}", {"version is missing"});
  expect_refused("{\"version\": 2}", {"shards is missing"});
  expect_refused(sound_but("\"samples\": 3", "\"samples\": -3"),
                 {"shards[0].samples: expected a whole number", "found -3"});
  expect_refused(sound_but("\"samples\": 3", "\"samples\": 3.5"), {"found 3.5"});
  expect_refused(sound_but("\"samples\": 3", "\"samples\": 99999999999"), {"shards[0].samples"});
  expect_refused(sound_but("\"bytes\": 100", "\"bytes\": \"100\""),
                 {"shards[0].raw_data.bytes", "found \"100\""});
  expect_refused(sound_but("[8, null]", "[8]"), {"shards[0].column_sizes: expected 2 elements"});
  expect_refused(sound_but("[8, null]", "[8, 0]"), {"shards[0].column_sizes[1]", "found 0"});
  expect_refused(sound_but("[\"a\", \"b\"]", "[\"a\", \"a\"]"), {"each name once"});
  expect_refused(sound_but("\"compression\": null", "\"compression\": \"zstd\""),
                 {"shards[0].zip_data: expected an object, found null"});
  expect_refused(sound_but("\"zip_data\": null", "\"zip_data\": {}"), {"shards[0].zip_data"});
  expect_refused(sound_but("\"hashes\": {}", "\"hashes\": {\"sha1\": 1}"),
                 {"shards[0].raw_data.hashes.sha1: expected a string"});
}

TEST(MdsIndexTest, RefusesPathsThatLeaveTheFolder) {
  for (const char* path : {"/etc/passwd", "../x", "a/../../x", "", "a//b", ".", "a\\u0000b"}) {
    expect_refused(sound_but("shard.00000.mds", path), {"a path inside the folder"});
  }
}

TEST(MdsIndexTest, RefusesWhatItDoesNotRead) {
  const auto unimplemented = absl::StatusCode::kUnimplemented;
  expect_refused(sound_but("\"version\": 2", "\"version\": 3"), {"version: expected 2, found 3"},
                 unimplemented);
  expect_refused(sound_but("\"format\": \"mds\"", "\"format\": \"csv\""), {"\"csv\""},
                 unimplemented);
  expect_refused(sound_but("\"compression\": null", "\"compression\": \"br:11\""),
                 {"shards[0].compression", "br:11", "compression=\"zstd\""}, unimplemented);
}

TEST(MdsIndexTest, RefusesShardsOfDifferentColumns) {
  std::string json = kSound;
  const std::string shard = json.substr(json.find("[{") + 1, json.rfind("}]") - json.find("[{"));
  std::string other = shard;
  absl::StrReplaceAll({{"\"b\"", "\"c\""}}, &other);
  EXPECT_TRUE(parse_mds_index(absl::StrReplaceAll(json, {{shard, shard + "," + shard}}), "x").ok());
  expect_refused(absl::StrReplaceAll(json, {{shard, shard + "," + other}}),
                 {"shards[1]: expected the columns of shards[0]"});
}

}  // namespace
}  // namespace composer
