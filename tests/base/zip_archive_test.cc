#include "composer/base/zip_archive.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"

namespace composer {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

std::string zip_of(const Members& members, int compression = ZIP_CM_STORE) {
  const std::string path = testing::TempDir() + "/archive.zip";
  zip* const archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  for (const auto& [name, bytes] : members) {
    zip_source* const source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, 0);
    EXPECT_EQ(zip_set_file_compression(archive, index, compression, 0), 0);
  }
  EXPECT_EQ(zip_close(archive), 0);
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::StatusOr<ZipArchive> open(const std::string& file) {
  return ZipArchive::open({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
}

TEST(ZipArchiveTest, GivesTheMembersAndTheirBytes) {
  const std::string file = zip_of({{"a", "first"}, {"folder/b", ""}});
  const auto archive = open(file);
  ASSERT_TRUE(archive.ok()) << archive.status();
  ASSERT_EQ(archive->members().size(), 2u);
  EXPECT_EQ(archive->members()[0].name, "a");
  EXPECT_EQ(archive->members()[0].size, 5u);
  EXPECT_TRUE(archive->members()[0].stored);
  EXPECT_EQ(archive->members()[1].name, "folder/b");
  auto reader = archive->read(archive->members()[0]);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::vector<uint8_t> bytes(4);
  EXPECT_EQ(reader->read(absl::MakeSpan(bytes)).value(), 4u);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "firs");
  EXPECT_EQ(reader->read(absl::MakeSpan(bytes)).value(), 1u);
  EXPECT_EQ(bytes[0], 't');
}

TEST(ZipArchiveTest, SaysWhatIsCompressed) {
  const std::string file = zip_of({{"a", std::string(1000, 'a')}}, ZIP_CM_DEFLATE);
  const auto archive = open(file);
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_FALSE(archive->members()[0].stored);
  EXPECT_EQ(archive->members()[0].size, 1000u);
}

TEST(ZipArchiveTest, ComparesTheChecksumAtTheEnd) {
  std::string file = zip_of({{"a", "first"}});
  file[file.find("first")] ^= 1;
  const auto archive = open(file);
  ASSERT_TRUE(archive.ok()) << archive.status();
  auto reader = archive->read(archive->members()[0]);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::vector<uint8_t> bytes(6);
  const absl::Status status = reader->read(absl::MakeSpan(bytes)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST(ZipArchiveTest, RefusesWhatIsNoArchive) {
  for (const std::string& file : {std::string(), std::string("text"), std::string(5000, 'P')}) {
    const absl::Status status = open(file).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_TRUE(absl::StrContains(status.message(), "expected a ZIP archive")) << status;
  }
  std::string same = zip_of({{"a1", "x"}, {"a2", "y"}});
  for (size_t at = 0; (at = same.find("a2", at)) != std::string::npos;) same[at + 1] = '1';
  EXPECT_TRUE(absl::StrContains(open(same).status().message(), "two members are called \"a1\""));
}

}  // namespace
}  // namespace composer
