#include "composer/base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

std::string text_of(const MappedFile& file) {
  return std::string(file.bytes().begin(), file.bytes().end());
}

class MappedFileTest : public testing::Test {
 protected:
  const std::string folder_ = make_folder();
  const std::string path_ = folder_ + "/file";
};

TEST_F(MappedFileTest, HasTheBytesOfTheFile) {
  const std::string text = std::string(10'000, 'a') + "the end";
  write_file(path_, text);
  using Access = MappedFile::Access;
  for (const Access access : {Access::NORMAL, Access::SEQUENTIAL, Access::RANDOM}) {
    const auto file = MappedFile::open(path_, access);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(text_of(*file), text);
    EXPECT_EQ(file->path(), path_);
  }
}

TEST_F(MappedFileTest, OutlivesTheName) {
  write_file(path_, "text");
  const auto file = MappedFile::open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  unlink(path_.c_str());
  EXPECT_EQ(text_of(*file), "text");
}

TEST_F(MappedFileTest, MovesWithoutMovingBytes) {
  write_file(path_, "first");
  write_file(folder_ + "/other", "second");
  auto first = MappedFile::open(path_);
  auto second = MappedFile::open(folder_ + "/other");
  ASSERT_TRUE(first.ok() && second.ok());
  const uint8_t* const data = first->bytes().data();
  MappedFile moved = *std::move(first);
  EXPECT_EQ(moved.bytes().data(), data);
  EXPECT_TRUE(first->bytes().empty());
  *second = std::move(moved);
  EXPECT_EQ(second->bytes().data(), data);
  EXPECT_EQ(text_of(*second), "first");
}

TEST_F(MappedFileTest, MapsAnEmptyFile) {
  write_file(path_, "");
  const auto file = MappedFile::open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->bytes().empty());
}

TEST_F(MappedFileTest, NamesWhatCannotBeMapped) {
  const absl::Status missing = MappedFile::open(path_).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StartsWith(missing.message(), path_ + ": ")) << missing;
  const absl::Status folder = MappedFile::open(folder_).status();
  EXPECT_EQ(folder.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(folder.message(), folder_ + ": expected a file, found a folder");
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(path_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MappedFileTest, SaysThatAFileCannotBeRead) {
  write_file(path_, "text");
  ASSERT_EQ(chmod(path_.c_str(), 0), 0);
  if (access(path_.c_str(), R_OK) == 0) GTEST_SKIP() << "this user may read everything";
  EXPECT_EQ(MappedFile::open(path_).status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace composer
