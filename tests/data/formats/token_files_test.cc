#include "composer/data/formats/token_files.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

std::vector<int64_t> copy(const TokenFiles& files, int64_t begin, int64_t count) {
  std::vector<int64_t> tokens(count, -1);
  const absl::Status status = files.copy(begin, count, tokens.data());
  EXPECT_TRUE(status.ok()) << status;
  return tokens;
}

class TokenFilesTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& bytes) {
    write_file(folder_ + "/" + name, bytes);
    return folder_ + "/" + name;
  }

  const std::string folder_ = make_folder();
};

TEST_F(TokenFilesTest, ReadsEachWidth) {
  const std::string path = file("a", std::string("\1\0\xff\xff\2\0\0\x80", 8));
  EXPECT_EQ(copy(*TokenFiles::open({path}, 1), 2, 6),
            (std::vector<int64_t>{255, 255, 2, 0, 0, 128}));
  EXPECT_EQ(copy(*TokenFiles::open({path}, 2), 0, 4), (std::vector<int64_t>{1, 65535, 2, 32768}));
  EXPECT_EQ(copy(*TokenFiles::open({path}, 4), 0, 2),
            (std::vector<int64_t>{4294901761, 2147483650}));
}

TEST_F(TokenFilesTest, ReadsAcrossFilesSomeOfThemEmpty) {
  const auto files = TokenFiles::open(
      {file("e0", ""), file("a", "ab"), file("e1", ""), file("b", "c"), file("c", "def")}, 1);
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), 6);
  const std::string all = "abcdef";
  for (int64_t begin = 0; begin < 6; ++begin) {
    for (int64_t count = 0; begin + count <= 6; ++count) {
      EXPECT_EQ(copy(*files, begin, count),
                std::vector<int64_t>(all.begin() + begin, all.begin() + begin + count));
    }
  }
}

TEST_F(TokenFilesTest, RefusesPartOfAToken) {
  const std::string path = file("a", "12345");
  const absl::Status status = TokenFiles::open({path}, 2).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(),
            path + ": byte 5: expected tokens of 2 bytes each, found the file's end within one");
}

TEST_F(TokenFilesTest, NamesThePlaceOfATokenBeyondTheVocabulary) {
  const std::string path = file("b", std::string("\3\0\4\0", 4));
  const auto files =
      TokenFiles::open({file("a", std::string("\0\0\1\0", 4)), path}, 2, /*vocabulary_size=*/4);
  EXPECT_EQ(copy(*files, 0, 3), (std::vector<int64_t>{0, 1, 3}));
  int64_t tokens[4];
  const absl::Status status = files->copy(0, 4, tokens);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(),
            path + ": byte 2: expected a token below the vocabulary's size, 4, found 4");
}

TEST_F(TokenFilesTest, NamesAMissingFileAndAFolder) {
  EXPECT_EQ(TokenFiles::open({folder_ + "/none"}, 2).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(TokenFiles::open({folder_}, 2).status().message(), folder_));
}

}  // namespace
}  // namespace composer
