// Runs every case of bad_inputs.txt: the files and the command that stand there must give exactly
// the stderr that stands there, exit code 2, and no run directory.
//
// To take over what the command says now, after reading the difference:
//   ./bazelw run //tests/cli:bad_inputs_test -- --write $PWD/tests/cli/bad_inputs.txt

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string name;
  std::string command;
  std::vector<std::pair<std::string, std::string>> files;
  std::string expected;
};

std::vector<Case> read_cases(const std::string& text) {
  std::vector<Case> cases;
  std::string* section = nullptr;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "=== ")) {
      cases.push_back({.name = std::string(rest)});
      section = nullptr;
    } else if (cases.empty()) {
      continue;  // the comment at the top
    } else if (absl::ConsumePrefix(&rest, "$ composer ")) {
      cases.back().command = std::string(rest);
      section = &cases.back().expected;
    } else if (absl::ConsumePrefix(&rest, "--- ")) {
      cases.back().files.emplace_back(rest, "");
      section = &cases.back().files.back().second;
    } else if (section != nullptr) {
      absl::StrAppend(section, line, "\n");
    }
  }
  for (Case& each : cases) {
    while (absl::EndsWith(each.expected, "\n\n")) each.expected.pop_back();
  }
  return cases;
}

std::string write_cases(absl::string_view comment, const std::vector<Case>& cases) {
  std::string text(comment);
  for (const Case& each : cases) {
    absl::StrAppend(&text, "\n=== ", each.name, "\n");
    for (const auto& [name, content] : each.files)
      absl::StrAppend(&text, "--- ", name, "\n", content);
    absl::StrAppend(&text, "$ composer ", each.command, "\n", each.expected);
  }
  return text;
}

// What a text file cannot hold.
void add_binary_files(const std::string& folder) {
  std::string garbage;
  for (int i = 0; i < 2000; ++i) garbage.push_back(static_cast<char>(i * 7919 >> 3));
  write_text(folder + "/garbage.textproto", garbage);
  write_text(folder + "/empty.textproto", "");
  write_text(folder + "/a_file", "");
  fs::create_directory(folder + "/a_folder.textproto");
  fs::create_directory(folder + "/empty_data");
  fs::create_directory(folder + "/truncated_data");
  constexpr char kReal[] = "/usr/share/datasets/fashion-mnist";
  for (const char* name : {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"}) {
    const std::string bytes = read_text(absl::StrCat(kReal, "/", name));
    write_text(absl::StrCat(folder, "/truncated_data/", name),
               absl::string_view(bytes).substr(0, bytes.size() / 2));
  }
}

CommandResult run_case(const Case& each, const std::string& folder) {
  write_text(folder + "/base.textproto",
             read_text(data_file("examples/configs/synthetic_mlp.textproto")));
  add_binary_files(folder);
  for (const auto& [name, content] : each.files) write_text(folder + "/" + name, content);
  return run_command(absl::StrSplit(each.command, ' ', absl::SkipEmpty()), folder);
}

class BadInputTest : public ::testing::TestWithParam<Case> {};

TEST_P(BadInputTest, GivesOneClearMessageAndLeavesNothing) {
  const std::string folder = fresh_folder();
  const CommandResult result = run_case(GetParam(), folder);
  EXPECT_EQ(result.err, GetParam().expected);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_FALSE(fs::exists(folder + "/runs"));
}

std::vector<Case> all_cases() {
  return read_cases(read_text(data_file("tests/cli/bad_inputs.txt")));
}

INSTANTIATE_TEST_SUITE_P(All, BadInputTest, ::testing::ValuesIn(all_cases()),
                         [](const ::testing::TestParamInfo<Case>& info) {
                           std::string name = info.param.name;
                           for (char& c : name) {
                             if (!isalnum(static_cast<unsigned char>(c))) c = '_';
                           }
                           return name;
                         });

void rewrite(const std::string& path) {
  const std::string text = read_text(path);
  std::vector<Case> cases = read_cases(text);
  for (Case& each : cases) {
    const CommandResult result = run_case(each, fresh_folder());
    if (result.exit_code != 2) std::cout << each.name << ": exit code " << result.exit_code << "\n";
    each.expected = result.err;
  }
  write_text(path, write_cases(text.substr(0, text.find("\n=== ")), cases));
}

}  // namespace
}  // namespace composer::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc == 3 && std::string(argv[1]) == "--write") {
    composer::testing::rewrite(argv[2]);
    return 0;
  }
  return RUN_ALL_TESTS();
}
