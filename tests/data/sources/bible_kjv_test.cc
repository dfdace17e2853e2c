#include "composer/data/sources/bible_kjv.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/data/formats/program_output.h"
#include "tests/data/formats/idx_files.h"
#include "tests/data/sources/dataset_from_text.h"

namespace composer {
namespace {

std::string config(const std::string& split, const std::string& more = "") {
  return absl::StrCat("bible_kjv { split: ", split, " windows { sequence_length: 1 labels: SAME } ",
                      more, "}");
}

std::string text_of(const std::string& split) {
  const auto dataset = dataset_from(config(split));
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  const at::Tensor bytes = all_of(**dataset).at("input_ids").to(at::kByte);
  return std::string(reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()), bytes.numel());
}

TEST(BibleKjvTest, IsAVerseALineAndAnEmptyLineAfterEachChapter) {
  const std::string train = text_of("TRAIN"), test = text_of("TEST");
  EXPECT_TRUE(absl::StartsWith(
      train,
      "In the beginning God created the heaven and the earth.\n"
      "And the earth was without form, and void; and darkness was upon the face of the deep. "
      "And the Spirit of God moved upon the face of the waters.\n"));
  EXPECT_TRUE(
      absl::EndsWith(train, "The grace of our Lord Jesus Christ be with you all. Amen.\n\n"));
  // Genesis 2 begins behind Genesis 1.
  EXPECT_TRUE(absl::StrContains(train,
                                "the evening and the morning were the sixth day.\n\n"
                                "Thus the heavens and the earth were finished"));
  // Genesis 10 is the tenth chapter, Revelation 21, the 1188th, is trained on.
  EXPECT_TRUE(absl::StartsWith(test, "Now these are the generations of the sons of Noah"));

  const auto count = [](const std::string& text, const std::string& part) {
    int64_t found = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
    return found;
  };
  EXPECT_EQ(count(train, "\n\n"), 1071);
  EXPECT_EQ(count(test, "\n\n"), 118);
  EXPECT_EQ(count(train, "\n") + count(test, "\n"), 31102 + 1189);
  for (const std::string& text : {train, test}) {
    EXPECT_TRUE(std::all_of(text.begin(), text.end(),
                            [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
  }
}

TEST(BibleKjvTest, CutsTheSplitIntoWindows) {
  const auto dataset = dataset_from("bible_kjv { split: TEST windows { sequence_length: 24 } }");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->name(), "bible_kjv (test)");
  const TensorDict sample = (*dataset)->get(0);
  const std::string text = "Now these are the generations";
  for (int64_t i = 0; i < 24; ++i) {
    EXPECT_EQ(sample.at("input_ids")[i].item<int64_t>(), text[i]);
    EXPECT_EQ(sample.at("labels")[i].item<int64_t>(), text[i + 1]);
  }
}

class BibleProgramTest : public testing::Test {
 protected:
  // A program in the place of `bible` that prints this file.
  std::string printing(const std::string& output) {
    const std::string folder = make_folder();
    write_file(folder + "/output", output);
    write_file(folder + "/bible", absl::StrCat("#!/bin/sh\nexec cat ", folder, "/output\n"));
    EXPECT_EQ(chmod((folder + "/bible").c_str(), 0755), 0);
    return folder + "/bible";
  }

  void expect_program_refused(const std::string& program, const std::string& part) {
    expect_refused(config("TRAIN", "program: '" + program + "'"), "bible_kjv.program",
                   {program, part});
  }
};

TEST_F(BibleProgramTest, SaysWhichPackageBringsAMissingOne) {
  expect_program_refused("/no/such/bible", "apt-get install bible-kjv");
}

TEST_F(BibleProgramTest, RefusesATruncatedText) {
  const auto whole = program_output({"/usr/bin/bible", "-f", "gen1:1-rev22:21"}, 1 << 24);
  ASSERT_TRUE(whole.ok()) << whole.status();
  expect_program_refused(printing(whole->substr(0, 2'000'000)), "is not complete");
  const size_t last_line = whole->rfind("Rev22:21");
  expect_program_refused(printing(whole->substr(0, last_line)),
                         "expected 31102 verses in 1189 chapters, found 31101 in 1189");
  expect_program_refused(printing(""), "found 0 in 0");
  EXPECT_TRUE(dataset_from(config("TRAIN", "program: '" + printing(*whole) + "'")).ok());
}

TEST_F(BibleProgramTest, RefusesAnotherForm) {
  expect_program_refused(printing("Ge1:1 In the\nGenesis 1\n"),
                         "on line 2 of what it prints, found \"Genesis 1\"");
  for (const char* line : {"\n", ":1 In\n", "Ge1: In\n", "Ge:1 In\n", "Ge1:x In\n", "Ge1:1\n"}) {
    expect_program_refused(printing(line), "expected a verse");
  }
}

TEST_F(BibleProgramTest, PassesOnWhatAFailedProgramSays) {
  expect_program_refused("/bin/false", "failed with exit code 1");
}

}  // namespace
}  // namespace composer
