// The configs of examples/configs, with the command.

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

TEST(ExampleConfigsTest, AreValid) {
  int checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data_file("examples/configs"))) {
    if (entry.path().extension() != ".textproto") continue;
    const CommandResult result = run_command({"check", entry.path()}, fresh_folder());
    EXPECT_EQ(result.exit_code, 0) << entry.path() << "\n" << result.err;
    ++checked;
  }
  EXPECT_GE(checked, 3);
}

TEST(ExampleConfigsTest, BibleKjvLearnsFromTheByteBefore) {
  const std::string folder = fresh_folder();
  const CommandResult result =
      run_command({"train", data_file("examples/configs/bible_kjv.textproto"), "run_name=a",
                   "max_duration=100ba", "threads=1"},
                  folder);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::vector<double> losses;
  for (const auto line :
       absl::StrSplit(read_text(folder + "/runs/a/metrics.jsonl"), '\n', absl::SkipEmpty())) {
    const YAML::Node loss = YAML::Load(std::string(line))["loss/train/total"];
    if (loss.IsDefined()) losses.push_back(loss.as<double>());
  }
  ASSERT_GE(losses.size(), 5u);
  EXPECT_LT(losses.back(), losses.front() - 0.5);
  // The entropy of a byte by itself is 3.02, of one after another 2.26.
  const double test_loss = YAML::Load(result.out)["metrics/eval/cross_entropy"].as<double>();
  EXPECT_LT(test_loss, 2.8);
  EXPECT_GT(test_loss, 2.2);
}

}  // namespace
}  // namespace composer::testing
