#include "composer/data/sources/token_windows.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/data/formats/golden_tables.h"
#include "tests/data/formats/idx_files.h"
#include "tests/data/sources/dataset_from_text.h"

namespace composer {
namespace {

using nlohmann::json;

at::Tensor matrix(const json& rows) {
  std::vector<at::Tensor> tensors;
  for (const json& row : rows) {
    tensors.push_back(at::tensor(row.get<std::vector<int64_t>>(), at::kLong));
  }
  return at::stack(tensors);
}

// See tests/golden/data/tables/make_tables.py.
TEST(TokenWindowsTest, AgreesWithNanoGptsSlices) {
  const json expected = expected_of_tables();
  for (const char* type : {"u16", "u32"}) {
    const auto windows = [&](const std::string& config) {
      return dataset_from(absl::StrCat(
          "tokens { files: '", golden_table(absl::StrCat("tokens_", type, ".bin")),
          "' type: ", type[1] == '1' ? "UINT16" : "UINT32", " windows { ", config, " } }"));
    };
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"whole", "sequence_length: 16"},
        {"overlapping", "sequence_length: 10 stride: 3"},
        {"second_half", "sequence_length: 8 begin: 0.5"},
    };
    for (const auto& [name, config] : cases) {
      SCOPED_TRACE(absl::StrCat(type, " ", name));
      const auto dataset = windows(config);
      ASSERT_TRUE(dataset.ok()) << dataset.status();
      const Batch batch = all_of(**dataset);
      EXPECT_TRUE(at::equal(batch.at("input_ids"), matrix(expected[type][name]["input_ids"])));
      EXPECT_TRUE(at::equal(batch.at("labels"), matrix(expected[type][name]["labels"])));
    }
  }
}

class TokenWindowsFilesTest : public testing::Test {
 protected:
  // A text of the bytes 0, 1, 2, ... and what it is cut into.
  std::string text(int count, const std::string& windows) {
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<char>(i));
    write_file(path_, bytes);
    return absl::StrCat("text { files: '", path_, "' windows { ", windows, " } }");
  }

  // The first token of each sample.
  std::vector<int64_t> starts(int count, const std::string& windows) {
    const auto dataset = dataset_from(text(count, windows));
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    const at::Tensor first = all_of(**dataset).at("input_ids").select(1, 0).contiguous();
    return {first.const_data_ptr<int64_t>(), first.const_data_ptr<int64_t>() + first.numel()};
  }

  const std::string path_ = make_folder() + "/a.txt";
};

TEST_F(TokenWindowsFilesTest, CountsWholeSamplesAlone) {
  using Starts = std::vector<int64_t>;
  EXPECT_EQ(starts(8, "sequence_length: 4"), (Starts{0}));
  EXPECT_EQ(starts(9, "sequence_length: 4"), (Starts{0, 4}));
  EXPECT_EQ(starts(8, "sequence_length: 4 labels: SAME"), (Starts{0, 4}));
  EXPECT_EQ(starts(5, "sequence_length: 4"), (Starts{0}));
  EXPECT_EQ(starts(4, "sequence_length: 4 labels: SAME"), (Starts{0}));
  EXPECT_EQ(starts(8, "sequence_length: 4 stride: 1"), (Starts{0, 1, 2, 3}));
  EXPECT_EQ(starts(16, "sequence_length: 4 stride: 6"), (Starts{0, 6}));
  EXPECT_EQ(starts(17, "sequence_length: 4 stride: 6"), (Starts{0, 6, 12}));
  EXPECT_EQ(starts(3, "sequence_length: 1"), (Starts{0, 1}));
}

TEST_F(TokenWindowsFilesTest, SplitsAFileSoThatNoTokenIsInTwoParts) {
  using Starts = std::vector<int64_t>;
  // 101 tokens: the first part has 90, of which floor(89 / 8) samples.
  const Starts train = starts(101, "sequence_length: 8 end: 0.9");
  EXPECT_EQ(train.size(), 11u);
  EXPECT_EQ(train.back() + 8, 88);
  EXPECT_EQ(starts(101, "sequence_length: 8 begin: 0.9"), (Starts{90}));
  EXPECT_EQ(starts(101, "sequence_length: 10 begin: 0.9 labels: SAME"), (Starts{90}));
}

TEST_F(TokenWindowsFilesTest, GivesLabelsInEitherWay) {
  const auto next = dataset_from(text(20, "sequence_length: 4"));
  EXPECT_TRUE(at::equal((*next)->get(1).at("input_ids"), at::arange(4, 8)));
  EXPECT_TRUE(at::equal((*next)->get(1).at("labels"), at::arange(5, 9)));
  const auto same = dataset_from(text(20, "sequence_length: 4 labels: SAME"));
  EXPECT_TRUE(at::equal((*same)->get(1).at("labels"), at::arange(4, 8)));
}

TEST_F(TokenWindowsFilesTest, GivesBatchesInTheOrderOfTheIndices) {
  const auto dataset = dataset_from(text(100, "sequence_length: 8 stride: 5"));
  EXPECT_EQ((*dataset)->name(), "text (a.txt)");
  const Batch batch = (*dataset)->get_batch({7, 0, 7});
  EXPECT_EQ(batch.num_tokens(), 24);
  for (const char* name : {"input_ids", "labels"}) {
    EXPECT_EQ(batch.at(name).scalar_type(), at::kLong);
    EXPECT_EQ(batch.at(name).sizes(), (at::IntArrayRef{3, 8}));
    EXPECT_TRUE(at::equal(batch.at(name)[0], (*dataset)->get(7).at(name)));
    EXPECT_TRUE(at::equal(batch.at(name)[1], (*dataset)->get(0).at(name)));
    EXPECT_TRUE(at::equal(batch.at(name)[2], batch.at(name)[0]));
  }
  EXPECT_THROW((*dataset)->get((*dataset)->size()), c10::IndexError);
  EXPECT_THROW((*dataset)->get(-1), c10::IndexError);
}

TEST_F(TokenWindowsFilesTest, JoinsFilesWithoutAnythingBetween) {
  const std::string folder = make_folder();
  write_file(folder + "/a", "ab");
  write_file(folder + "/b", "c\r\n\xff");
  const auto dataset = dataset_from(absl::StrCat("text { files: ['", folder, "/a', '", folder,
                                                 "/b'] windows { sequence_length: 5 } }"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->name(), "text (2 files)");
  EXPECT_TRUE(
      at::equal((*dataset)->get(0).at("input_ids"), at::tensor({97, 98, 99, 13, 10}, at::kLong)));
  EXPECT_EQ((*dataset)->get(0).at("labels")[4].item<int64_t>(), 255);
}

TEST_F(TokenWindowsFilesTest, NamesBothLengthsWhenTheTokensAreTooFew) {
  expect_refused(text(8, "sequence_length: 8"), "text.windows.sequence_length",
                 {"a sample takes 8 tokens and the one after them, but text (a.txt) has 8"});
  expect_refused(text(7, "sequence_length: 8 labels: SAME"), "text.windows.sequence_length",
                 {"a sample takes 8 tokens, but text (a.txt) has 7"});
  expect_refused(text(100, "sequence_length: 8 begin: 0.95"), "text.windows.sequence_length",
                 {"has 5 between begin and end, of 100 in all"});
  expect_refused(text(0, "sequence_length: 1"), "text.windows.sequence_length", {"has 0"});
  expect_refused(text(9, "sequence_length: 9223372036854775807"), "text.windows.sequence_length",
                 {"a sample takes 9223372036854775807 tokens"});
}

TEST_F(TokenWindowsFilesTest, RefusesFieldsOutOfRange) {
  const auto refused = [&](const std::string& windows, const std::string& field) {
    expect_refused(text(100, windows), "text.windows." + field, {});
  };
  refused("", "sequence_length");
  refused("sequence_length: 0", "sequence_length");
  refused("sequence_length: 4 stride: 0", "stride");
  refused("sequence_length: 4 begin: -0.1", "begin");
  refused("sequence_length: 4 begin: nan", "begin");
  refused("sequence_length: 4 end: 1.1", "end");
  refused("sequence_length: 4 end: nan", "end");
  refused("sequence_length: 4 begin: 0.5 end: 0.5", "end");
}

TEST_F(TokenWindowsFilesTest, RefusesFilesThatCannotBeRead) {
  for (const char* kind : {"text", "tokens"}) {
    expect_refused(absl::StrCat(kind, " { files: '/none' windows { sequence_length: 1 } }"),
                   absl::StrCat(kind, ".files"), {"/none"});
    expect_refused(absl::StrCat(kind, " { files: '/' windows { sequence_length: 1 } }"),
                   absl::StrCat(kind, ".files"), {"/: "});
    expect_refused(absl::StrCat(kind, " { windows { sequence_length: 1 } }"),
                   absl::StrCat(kind, ".files"), {"no file"});
  }
}

TEST_F(TokenWindowsFilesTest, NamesTheSampleAndThePlaceOfATokenBeyondTheVocabulary) {
  write_file(path_, std::string("\1\0\2\0\3\0\4\0\5\0", 10));
  const std::string config =
      absl::StrCat("tokens { files: '", path_, "' vocabulary_size: 5 windows { ");
  const auto dataset = dataset_from(config + "sequence_length: 1 } }");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->get(2).at("input_ids").item<int64_t>(), 3);
  // It is the label of sample 3.
  expect_broken(**dataset, 3, {"sample 3: ", path_ + ": byte 8: ", "the vocabulary's size, 5"});
  expect_refused(absl::StrCat("tokens { files: '", path_,
                              "' vocabulary_size: 0 windows { sequence_length: 1 } }"),
                 "tokens.vocabulary_size", {});
}

TEST_F(TokenWindowsFilesTest, RefusesAFileThatEndsWithinAToken) {
  write_file(path_, "12345");
  expect_refused(absl::StrCat("tokens { files: '", path_, "' windows { sequence_length: 1 } }"),
                 "tokens.files", {path_ + ": byte 5: expected tokens of 2 bytes"});
}

}  // namespace
}  // namespace composer
