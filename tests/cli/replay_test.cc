// A run that diverges, and its bad step taken again, as a user does both.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_TRUE(absl::StrContains(text, part)) << "\"" << part << "\" is not in:\n" << text;
}

// A folder with a config, diverging.textproto, whose first update throws its weights away.
std::string folder_with_config(const std::string& more = "") {
  const std::string folder = fresh_folder();
  write_text(folder + "/diverging.textproto",
             absl::StrCat("include: '", data_file("examples/configs/synthetic_mlp.textproto"),
                          "'\nschedulers { constant {} }\nalgorithms { label_smoothing {} }\n"
                          "callbacks { lr_monitor {} }\noptimizer { sgd { lr: 1e30 } }\n",
                          more));
  return folder;
}

TEST(ReplayCommandTest, ARunThatDivergesLeavesItsStepAndReplayNamesTheOperation) {
  const std::string folder = folder_with_config();
  const CommandResult trained = run_command({"train", "diverging.textproto", "run_name=a"}, folder);
  EXPECT_EQ(trained.exit_code, 3) << trained.err;
  for (const char* part :
       {"composer train: batch 1 (epoch 0) is bad: a gradient is not finite, the loss is not "
        "finite",
        "layers.0.weight", "composer replay runs/a/bad_steps/ba1", "A smaller learning rate"}) {
    expect_contains(trained.err, part);
  }
  const std::string step = folder + "/runs/a/bad_steps/ba1";
  for (const char* file :
       {"config.textproto", "state.safetensors", "batch.safetensors", "step.json"}) {
    EXPECT_TRUE(fs::exists(step + "/" + file)) << file;
  }
  const Json saved = Json::parse(read_text(step + "/step.json"));
  EXPECT_EQ(saved.at("batch"), 1);
  EXPECT_EQ(saved.at("indices").size(), 32);

  const CommandResult replayed = run_command({"replay", "runs/a/bad_steps/ba1"}, folder);
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  expect_contains(replayed.err, "batch 1 (epoch 0) was bad");
  expect_contains(replayed.err, "NaN arises in aten::");
  const Json report = Json::parse(replayed.out);
  EXPECT_TRUE(report.at("reproduced"));
  EXPECT_EQ(report.at("found").at("value"), "nan");
  EXPECT_TRUE(absl::StartsWith(report.at("found").at("operator").get<std::string>(), "aten::"));
  // Weights of 1e29 overflow where they are multiplied with each other, before the loss.
  const Json& began =
      report.at("led_to_it").empty() ? report.at("found") : report.at("led_to_it")[0];
  EXPECT_EQ(began.at("phase"), "forward");
  EXPECT_TRUE(absl::StrContains(began.dump(), "parameter ")) << began.dump();
  for (const Json& input : began.at("inputs")) EXPECT_EQ(input.at("nan"), 0);
}

TEST(ReplayCommandTest, AStepThatNanMonitorEndsIsSavedToo) {
  const std::string folder = folder_with_config("callbacks { nan_monitor {} }\n");
  const CommandResult trained = run_command({"train", "diverging.textproto", "run_name=a"}, folder);
  EXPECT_EQ(trained.exit_code, 3) << trained.err;
  expect_contains(trained.err, "NaNMonitor");
  EXPECT_EQ(run_command({"replay", "runs/a/bad_steps/ba1"}, folder).exit_code, 0);
}

TEST(ReplayCommandTest, SkippedStepsAreCountedAndTooManyStopTheRun) {
  const std::string folder =
      folder_with_config("bad_steps { policy: SKIP max_consecutive_skips: 3 }\n");
  const CommandResult trained = run_command({"train", "diverging.textproto", "run_name=a"}, folder);
  EXPECT_EQ(trained.exit_code, 3) << trained.err;
  expect_contains(trained.err, "batch 1 (epoch 0) is skipped");
  expect_contains(trained.err, "the 3 steps before it were skipped");
  expect_contains(trained.err, "3 of the batches left out");
  EXPECT_TRUE(fs::exists(folder + "/runs/a/bad_steps/ba4"));
  EXPECT_FALSE(fs::exists(folder + "/runs/a/bad_steps/ba1"));
}

TEST(ReplayCommandTest, AnIgnoredBadStepTrainsOn) {
  const std::string folder = folder_with_config("bad_steps { policy: IGNORE }\n");
  const CommandResult trained = run_command({"train", "diverging.textproto", "run_name=a"}, folder);
  EXPECT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_FALSE(fs::exists(folder + "/runs/a/bad_steps"));
}

TEST(ReplayCommandTest, AStepThatIsFineThisTimeExitsWithOne) {
  const std::string folder = folder_with_config();
  const CommandResult good =
      run_command({"train", "diverging.textproto", "run_name=b", "optimizer.sgd.lr=0.1",
                   "callbacks+=spike_detector { min_steps: 2 window: 4 threshold: 1e-9 }"},
                  folder);
  EXPECT_EQ(good.exit_code, 3) << good.err;
  expect_contains(good.err, "spike");
  std::string spiked;
  for (const auto& entry : fs::directory_iterator(folder + "/runs/b/bad_steps")) {
    spiked = entry.path().string();
  }
  const CommandResult replayed = run_command({"replay", spiked}, folder);
  EXPECT_EQ(replayed.exit_code, 1) << replayed.err;
  expect_contains(replayed.err, "it is not reproduced");
  EXPECT_FALSE(Json::parse(replayed.out).at("reproduced").get<bool>());
}

TEST(ReplayCommandTest, AFolderThatIsNoneIsAUsageError) {
  const std::string folder = fresh_folder();
  const CommandResult missing = run_command({"replay", "nowhere"}, folder);
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_EQ(missing.err, "composer replay: nowhere is no folder\n");
  const CommandResult other = run_command({"replay", "."}, folder);
  EXPECT_EQ(other.exit_code, 2);
  expect_contains(other.err, "step.json");
  write_text(folder + "/step.json", "{}");
  EXPECT_EQ(run_command({"replay", "."}, folder).exit_code, 1);
}

}  // namespace
}  // namespace composer::testing
