#include "composer/data/sources/sentencepiece_text.h"

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

class SentencePieceTextTest : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "SentencePiece's library cannot be loaded under this sanitizer";
#endif
  }

  static std::string config(const std::string& more, int64_t length = 1,
                            const std::string& file = golden_table("verses.txt")) {
    return absl::StrCat("sentencepiece { files: '", file, "' model: '", golden_table("tiny.model"),
                        "' windows { labels: SAME sequence_length: ", length, " } ", more, "}");
  }

  static std::vector<int64_t> tokens(const std::string& text) {
    const auto dataset = dataset_from(text);
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    const at::Tensor ids = all_of(**dataset).at("input_ids");
    return {ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + ids.numel()};
  }

  static std::vector<int64_t> expected(const char* name) {
    return expected_of_tables()["sentencepiece"][name].get<std::vector<int64_t>>();
  }
};

// See tests/golden/data/tables/make_tables.py.
TEST_F(SentencePieceTextTest, AgreesWithPythonsPackage) {
  EXPECT_EQ(tokens(config("")), expected("lines"));
  EXPECT_EQ(tokens(config("add_bos: true")), expected("lines_bos"));
  EXPECT_EQ(tokens(config("document: EACH_FILE add_eos: false")), expected("file"));
}

TEST_F(SentencePieceTextTest, CutsDocumentsIntoWindows) {
  const auto dataset = dataset_from(
      absl::StrCat("sentencepiece { files: '", golden_table("verses.txt"), "' model: '",
                   golden_table("tiny.model"), "' windows { sequence_length: 16 } }"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->name(), "sentencepiece (verses.txt)");
  const at::Tensor all = at::tensor(expected("lines"), at::kLong);
  EXPECT_EQ((*dataset)->size(), (all.size(0) - 17) / 16 + 1);
  EXPECT_TRUE(at::equal((*dataset)->get(2).at("input_ids"), all.slice(0, 32, 48)));
  EXPECT_TRUE(at::equal((*dataset)->get(2).at("labels"), all.slice(0, 33, 49)));
}

TEST_F(SentencePieceTextTest, TakesBlankLinesAndAByteOrderMarkForNothing) {
  const std::string folder = make_folder();
  write_file(folder + "/a", "light\nday");
  write_file(folder + "/b", "\xef\xbb\xbf\n  \r\nlight\r\n\nday\n\n");
  EXPECT_EQ(tokens(config("", 1, folder + "/a")), tokens(config("", 1, folder + "/b")));
}

TEST_F(SentencePieceTextTest, RefusesWhatIsNoModel) {
  const auto refused = [](const std::string& model, const std::string& part) {
    expect_refused(absl::StrCat("sentencepiece { files: '", golden_table("verses.txt"),
                                "' model: '", model, "' windows { sequence_length: 1 } }"),
                   "sentencepiece.model", {model, part});
  };
  refused(golden_table("verses.txt"), "expected a SentencePiece model");
  refused("/none.model", "No such file");
  refused("/", "");
}

TEST_F(SentencePieceTextTest, RefusesFilesThatCannotBeRead) {
  expect_refused(config("", 1, "/none.txt"), "sentencepiece.files", {"/none.txt"});
  const std::string path = make_folder() + "/a";
  write_file(path, " \n\n");
  expect_refused(config("", 1, path), "sentencepiece.windows.sequence_length", {"has 0"});
}

}  // namespace
}  // namespace composer
