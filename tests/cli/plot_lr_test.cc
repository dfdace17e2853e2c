// composer check --plot-lr

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

std::string config_file() { return data_file("examples/configs/synthetic_mlp.textproto"); }

TEST(PlotLr, DrawsOnStderrAndLeavesStdoutToTheConfig) {
  const std::string folder = fresh_folder();
  const CommandResult plain = run_command({"check", config_file()}, folder);
  const CommandResult ascii =
      run_command({"check", "--plot-lr", config_file()}, folder, {{"LC_ALL", "C"}});
  ASSERT_EQ(ascii.exit_code, 0) << ascii.err;
  EXPECT_EQ(ascii.out, plain.out);
  EXPECT_TRUE(absl::StrContains(ascii.err,
                                "Learning rate, synthetic_mlp.textproto, 3ep, 48 batches\n0.10 +"))
      << ascii.err;
  EXPECT_TRUE(absl::StrContains(ascii.err, "epochs")) << ascii.err;
  for (const absl::string_view line : absl::StrSplit(ascii.err, '\n')) EXPECT_LT(line.size(), 80u);

  const CommandResult braille =
      run_command({"check", config_file(), "--plot-lr"}, folder, {{"LC_ALL", "C.UTF-8"}});
  EXPECT_TRUE(absl::StrContains(braille.err, "0.10 ┤")) << braille.err;
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST(PlotLr, WritesAPicture) {
  const std::string folder = fresh_folder();
  const CommandResult result =
      run_command({"check", "--plot-lr=lr.svg", config_file(),
                   "optimizer.sgd={ lr: 0.1 groups { pattern: \"bias\" lr: 0.2 } }"},
                  folder);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err,
            "optimizer, group \"bias\": 2 tensors, 36 values, lr 0.2, weight decay 0\n"
            "optimizer, group the rest: 2 tensors, 640 values, lr 0.1, weight decay 0\n"
            "wrote lr.svg\n");
  const std::string svg = read_text(folder + "/lr.svg");
  EXPECT_TRUE(absl::StartsWith(svg, "<svg ")) << svg;
  EXPECT_TRUE(absl::StrContains(svg, ">&quot;bias&quot;<")) << svg;
  EXPECT_TRUE(absl::StrContains(svg, ">the other parameters<")) << svg;
}

TEST(PlotLr, GroupsOfOneLearningRateShareALine) {
  const CommandResult result =
      run_command({"check", "--plot-lr", config_file(),
                   "optimizer.sgd={ lr: 0.1 groups { pattern: \"bias\" weight_decay: 0 } }"},
                  fresh_folder(), {{"LC_ALL", "C"}});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const size_t chart = result.err.find("Learning rate,");
  ASSERT_NE(chart, std::string::npos) << result.err;
  EXPECT_FALSE(absl::StrContains(result.err.substr(chart), "bias")) << result.err;
}

TEST(PlotLr, SaysWhatIsNotKnown) {
  const CommandResult clock = run_command(
      {"check", "--plot-lr", config_file(), "max_duration=30m", "schedulers=[]"}, fresh_folder());
  EXPECT_NE(clock.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(clock.err, "the run ends by the clock")) << clock.err;
  const CommandResult tokens =
      run_command({"check", "--plot-lr", config_file(), "max_duration=1000tok"}, fresh_folder());
  EXPECT_NE(tokens.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(tokens.err, "the data has none")) << tokens.err;
}

}  // namespace
}  // namespace composer::testing
