#include "composer/data/formats/file_bytes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

TEST(FileBytesTest, ReadsWholeFilesIntoOneBuffer) {
  const std::string folder = make_folder();
  write_file(folder + "/a", std::string(100'000, 'a'));
  write_file(folder + "/b", "b");
  write_file(folder + "/empty", "");
  std::vector<uint8_t> buffer;
  const auto a = read_file_bytes(folder + "/a", 100'000, buffer);
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_EQ(a->size(), 100'000u);
  EXPECT_EQ(a->back(), 'a');
  const auto b = read_file_bytes(folder + "/b", 100'000, buffer);
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(b->size(), 1u);
  EXPECT_EQ(b->data(), a->data());
  EXPECT_TRUE(read_file_bytes(folder + "/empty", 0, buffer)->empty());
}

TEST(FileBytesTest, RefusesWhatIsTooLargeBeforeTakingMemory) {
  const std::string path = make_folder() + "/sparse";
  write_file(path, "");
  ASSERT_EQ(truncate(path.c_str(), int64_t{1} << 40), 0);
  std::vector<uint8_t> buffer;
  const absl::Status status = read_file_bytes(path, 1 << 20, buffer).status();
  EXPECT_EQ(status.message(),
            path + ": expected a file of at most 1048576 bytes, found one of 1099511627776");
  EXPECT_TRUE(buffer.empty());
}

TEST(FileBytesTest, RefusesFoldersAndPipes) {
  const std::string folder = make_folder();
  std::vector<uint8_t> buffer;
  EXPECT_TRUE(absl::StrContains(read_file_bytes(folder, 10, buffer).status().message(),
                                folder + ": expected a file, found a folder"));
  const std::string pipe = folder + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(absl::StrContains(read_file_bytes(pipe, 10, buffer).status().message(),
                                pipe + ": expected a file, found a pipe"));
}

TEST(FileBytesTest, NamesTheFileThatCannotBeRead) {
  std::vector<uint8_t> buffer;
  const std::string path = make_folder() + "/secret";
  EXPECT_EQ(read_file_bytes(path, 10, buffer).status().code(), absl::StatusCode::kNotFound);
  write_file(path, "x");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const absl::Status status = read_file_bytes(path, 10, buffer).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(absl::StartsWith(status.message(), path)) << status;
}

}  // namespace
}  // namespace composer
