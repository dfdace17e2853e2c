// A run that is stopped and resumed, as a user does it.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "composer/cli/run_digest.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// 3 epochs of 16 batches.
std::string config_file() { return data_file("examples/configs/synthetic_mlp.textproto"); }

CommandResult train(const std::string& folder, const Words& more) {
  Words words = {"train", config_file()};
  words.insert(words.end(), more.begin(), more.end());
  return run_command(words, folder);
}

RunDigest digest(const std::string& run) {
  const auto result = digest_of_run(run, "metrics.jsonl");
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result.ok() && result->metrics.empty());
  return result.ok() ? *result : RunDigest();
}

// Of the config without changes.
const RunDigest& unbroken() {
  static const auto* const kDigest = [] {
    const std::string folder = fresh_folder();
    const CommandResult result = train(folder, {"run_name=a"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return new RunDigest(digest(folder + "/runs/a"));
  }();
  return *kDigest;
}

std::string first_line_with(const std::string& text, absl::string_view part) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StrContains(line, part)) return std::string(line);
  }
  return "";
}

// A run in `folder` that was stopped behind batch 20.
void train_in_part(const std::string& folder, const Words& more = {}) {
  Words words = {"run_name=a", "--stop-at=20ba"};
  words.insert(words.end(), more.begin(), more.end());
  const CommandResult stopped = train(folder, words);
  ASSERT_EQ(stopped.exit_code, 0) << stopped.err;
  ASSERT_TRUE(absl::StrContains(stopped.err, "to go on: composer train ")) << stopped.err;
}

TEST(ResumeTest, EndsAsTheUnbrokenRunAfterTwoStops) {
  const std::string folder = fresh_folder();
  train_in_part(folder);
  const CommandResult second = train(folder, {"run_name=a", "--resume", "--stop-at=2ep"});
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_TRUE(absl::StrContains(second.err,
                                "resuming from runs/a/checkpoints/ep1-ba20: training goes on at "
                                "epoch 2, batch 20; 640 samples are not read again"))
      << second.err;
  const CommandResult last = train(folder, {"--resume=runs/a"});
  ASSERT_EQ(last.exit_code, 0) << last.err;
  EXPECT_EQ(first_difference(digest(folder + "/runs/a"), unbroken()), "");
  // Each start is in the log.
  const std::string log = read_text(folder + "/runs/a/train.log");
  EXPECT_TRUE(absl::StrContains(log, "resuming from runs/a/checkpoints/ep1-ba20"));
  EXPECT_TRUE(absl::StrContains(log, "resuming from runs/a/checkpoints/ep2-ba32"));
}

TEST(ResumeTest, TheCommandThatIsPrintedResumes) {
  const std::string folder = fresh_folder();
  train_in_part(folder, {"optimizer.sgd.lr=0.05", "schedulers=[]"});
  const std::string log = read_text(folder + "/runs/a/train.log");
  const std::string line = first_line_with(log, "to go on: composer ");
  EXPECT_TRUE(absl::StrContains(line,
                                " --resume=runs/a run_name=a optimizer.sgd.lr=0.05 "
                                "'schedulers=[]'"))
      << line;
  const CommandResult resumed =
      train(folder, {"--resume=runs/a", "run_name=a", "optimizer.sgd.lr=0.05", "schedulers=[]"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
}

TEST(ResumeTest, AutoBeginsARunThatIsNotThereAndMustDoesNot) {
  const std::string folder = fresh_folder();
  const CommandResult refused = train(folder, {"run_name=a", "--resume=must"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(refused.err, "there is no run to continue: runs/a")) << refused.err;
  const CommandResult begun = train(folder, {"run_name=a", "--resume"});
  EXPECT_EQ(begun.exit_code, 0) << begun.err;
  EXPECT_EQ(first_difference(digest(folder + "/runs/a"), unbroken()), "");
}

TEST(ResumeTest, ARunWithoutANameIsNotFound) {
  const CommandResult refused = train(fresh_folder(), {"--resume"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(refused.err,
                                "set run_name, or give the folder of the run, such "
                                "as --resume=runs/synthetic_mlp-"))
      << refused.err;
}

TEST(ResumeTest, ARunThatHasEndedSaysSoAndItsResultAgain) {
  const std::string folder = fresh_folder();
  const CommandResult first = train(folder, {"run_name=a"});
  const std::string metrics = read_text(folder + "/runs/a/metrics.jsonl");
  const CommandResult again = train(folder, {"run_name=a", "--resume"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_TRUE(absl::StrContains(again.err, "nothing left to train")) << again.err;
  EXPECT_EQ(again.out, first.out);
  EXPECT_EQ(read_text(folder + "/runs/a/metrics.jsonl"), metrics);
}

TEST(ResumeTest, GoesOnIntoANewDurationWhenThatIsAllowed) {
  const std::string folder = fresh_folder();
  ASSERT_EQ(train(folder, {"run_name=a"}).exit_code, 0);
  const CommandResult refused = train(folder, {"run_name=a", "--resume", "max_duration=5ep"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(refused.err, "--allow-config-change=max_duration")) << refused.err;
  const CommandResult longer = train(
      folder, {"run_name=a", "--resume", "max_duration=5ep", "--allow-config-change=max_duration"});
  EXPECT_EQ(longer.exit_code, 0) << longer.err;
  EXPECT_TRUE(absl::StrContains(longer.out, "\"epoch\":5,\"batch\":80")) << longer.out;
}

TEST(ResumeTest, AnotherConfigIsRefusedWithATableOrAllowed) {
  const std::string folder = fresh_folder();
  train_in_part(folder);
  const Words changed = {"run_name=a", "--resume", "optimizer.sgd.lr=0.2"};
  const CommandResult refused = train(folder, changed);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(refused.err, "  optimizer.sgd.lr  0.1   0.2\n")) << refused.err;
  Words allowed = changed;
  allowed.push_back("--allow-config-change=optimizer");
  const CommandResult resumed = train(folder, allowed);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_TRUE(absl::StrContains(resumed.err, "changed: optimizer.sgd.lr was 0.1, is 0.2"));
  EXPECT_NE(first_difference(digest(folder + "/runs/a"), unbroken()), "");
}

TEST(ResumeTest, ADamagedCheckpointIsNamedAndTheOneBeforeTaken) {
  const std::string folder = fresh_folder();
  train_in_part(folder);
  const std::string newest = "runs/a/checkpoints/ep1-ba20";
  const std::string file = absl::StrCat(folder, "/", newest, "/model.safetensors");
  std::string bytes = read_text(file);
  bytes[bytes.size() / 2] ^= 1;
  write_text(file, bytes);
  const CommandResult resumed = train(folder, {"run_name=a", "--resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  const std::string line = first_line_with(resumed.err, "not taken: ");
  EXPECT_TRUE(absl::StrContains(line, newest)) << resumed.err;
  EXPECT_TRUE(absl::StrContains(line, "model.safetensors is damaged")) << line;
  EXPECT_TRUE(absl::StrContains(resumed.err, "resuming from runs/a/checkpoints/ep1-ba16: "));
  EXPECT_EQ(first_difference(digest(folder + "/runs/a"), unbroken()), "");
}

TEST(ResumeTest, AnOlderCheckpointTakesThePlaceOfNewerOnes) {
  const std::string folder = fresh_folder();
  train_in_part(folder);
  const CommandResult resumed =
      train(folder, {"--resume=runs/a/checkpoints/ep1-ba16/", "--stop-at=18ba"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_TRUE(fs::exists(folder + "/runs/a/set_aside/ep1-ba20/manifest.json")) << resumed.err;
  const CommandResult last = train(folder, {"--resume=runs/a"});
  EXPECT_TRUE(absl::StrContains(last.err, "resuming from runs/a/checkpoints/ep1-ba18: "))
      << last.err;
  EXPECT_EQ(first_difference(digest(folder + "/runs/a"), unbroken()), "");
}

TEST(ResumeTest, NeedsNoWeightsButTheCheckpoints) {
  const std::string folder = fresh_folder();
  train_in_part(folder);
  const std::string first = "runs/a/model.safetensors";
  const std::string init_from = absl::StrCat("init_from={path: '", first, "'}");
  ASSERT_EQ(train(folder, {"run_name=b", init_from, "--stop-at=20ba"}).exit_code, 0);
  fs::remove(absl::StrCat(folder, "/", first));
  const CommandResult resumed = train(folder, {"--resume=runs/b", init_from});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
}

TEST(ResumeTest, ARunThatWasKilledBeforeItsFirstCheckpointBeginsAgain) {
  const std::string folder = fresh_folder();
  fs::create_directories(folder + "/runs/a");
  write_text(folder + "/runs/a/config.textproto", "");
  write_text(folder + "/runs/a/metrics.jsonl", "{\"batch\":10,\"loss/train/total\":5}\n");
  EXPECT_EQ(train(folder, {"run_name=a", "--resume=must"}).exit_code, 2);
  const CommandResult result = train(folder, {"run_name=a", "--resume"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "the run begins again")) << result.err;
  EXPECT_EQ(first_difference(digest(folder + "/runs/a"), unbroken()), "");
}

TEST(ResumeTest, OptionsThatCannotBeAreRefused) {
  const std::string folder = fresh_folder();
  train_in_part(folder);
  const auto refused = [&](const Words& words, absl::string_view text) {
    const CommandResult result = train(folder, words);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_TRUE(absl::StrContains(result.err, text)) << result.err;
  };
  refused({"--resume=nowhere"}, "--resume=nowhere: there is no such folder");
  refused({"--resume=runs"}, "runs is not the folder of a run");
  refused({"--resume=runs/a", "--stop-at=20ba"}, "the run is there already");
  refused({"run_name=b", "--stop-at=20"}, "--stop-at: ");
  refused({"run_name=b", "--allow-config-change=seed"}, "is for --resume");
  refused({"--resume=runs/a", "--allow-config-change=seed"}, "seed did not change");
  EXPECT_FALSE(fs::exists(folder + "/runs/b"));
}

// About two seconds of training.
Words slow_run() {
  return {"train",
          config_file(),
          "run_name=a",
          "max_duration=30ep",
          "model.mlp.hidden_sizes=[1024,1024]",
          "checkpoints.interval=0ep"};
}

class StoppedRunTest : public ::testing::TestWithParam<int> {};

TEST_P(StoppedRunTest, SavesSaysHowToGoOnAndEndsAsTheUnbrokenRun) {
  const std::string folder = fresh_folder();
  Command command(slow_run(), folder);
  ASSERT_TRUE(command.wait_for_stderr("epoch 2/")) << command.wait().err;
  command.send(GetParam());
  const CommandResult stopped = command.wait();
  ASSERT_EQ(stopped.exit_code, 128 + GetParam()) << stopped.err;
  EXPECT_TRUE(absl::StrContains(stopped.err, "to go on: composer train ")) << stopped.err;
  Words words = slow_run();
  words.push_back("--resume=runs/a");
  const CommandResult resumed = run_command(words, folder);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;

  const std::string other = fresh_folder();
  const CommandResult whole = run_command(slow_run(), other);
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_EQ(first_difference(digest(folder + "/runs/a"), digest(other + "/runs/a")), "");
}

INSTANTIATE_TEST_SUITE_P(Signals, StoppedRunTest, ::testing::Values(SIGINT, SIGTERM));

TEST(StoppedRunTest, ASecondProcessIsKeptOutWithWhoIsThere) {
  const std::string folder = fresh_folder();
  Words words = slow_run();
  words[3] = "max_duration=100000ep";
  Command command(words, folder);
  ASSERT_TRUE(command.wait_for_stderr("epoch 1/")) << command.wait().err;
  for (const char* resume : {"--resume=auto", "--resume=never"}) {
    const CommandResult second = train(folder, {"run_name=a", resume});
    EXPECT_EQ(second.exit_code, 2);
    EXPECT_TRUE(absl::StrContains(second.err, "runs/a is in use by process ")) << second.err;
  }
}

TEST(StoppedRunTest, SIGUSR1SavesAndGoesOn) {
  const std::string folder = fresh_folder();
  Words words = slow_run();
  words[3] = "max_duration=100000ep";
  Command command(words, folder);
  ASSERT_TRUE(command.wait_for_stderr("epoch 1/")) << command.wait().err;
  const std::string latest = folder + "/runs/a/checkpoints/latest";
  EXPECT_FALSE(fs::exists(latest));
  command.send(SIGUSR1);
  const absl::Time end = absl::Now() + absl::Seconds(60);
  while (!fs::exists(latest) && absl::Now() < end) absl::SleepFor(absl::Milliseconds(5));
  ASSERT_TRUE(fs::exists(latest));
  const std::string saved = fs::read_symlink(latest);
  command.send(SIGTERM);
  EXPECT_EQ(command.wait().exit_code, 128 + SIGTERM);
  EXPECT_NE(fs::read_symlink(latest).string(), saved);
}

TEST(VerifyResumeTest, TwoStopsInARowChangeNothing) {
  const std::string folder = fresh_folder();
  const CommandResult result = run_command(
      {"verify-resume", config_file(), "--at=20ba", "--at=33ba"}, folder, {{"TMPDIR", folder}});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(absl::StrContains(
      result.err, absl::StrCat("weights        ", unbroken().weights_hash(), "  equal")))
      << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "bit-equal to the unbroken one after 48 batches"));
  EXPECT_TRUE(absl::EndsWith(result.out, "\"equal\":true}\n")) << result.out;
  EXPECT_TRUE(fs::is_empty(folder)) << "temporary folders stay";
}

TEST(VerifyResumeTest, FindsAnAlgorithmThatForgets) {
  const std::string folder = fresh_folder();
  const CommandResult result = run_command(
      {"verify-resume", config_file(), "--at=20ba", "--plugin", data_file("tests/cli/forgetful.so"),
       "algorithms+=plugin { [type.googleapis.com/composer.testing.Forgetful] {} }"},
      folder, {{"TMPDIR", folder}});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "the runs differ, first in model.")) << result.err;
  EXPECT_TRUE(absl::EndsWith(result.out, "\"equal\":false}\n")) << result.out;
}

TEST(VerifyResumeTest, SaysWhatIsWrongWithAStop) {
  const std::string folder = fresh_folder();
  const auto verify = [&](const std::string& at) {
    return run_command({"verify-resume", config_file(), at}, folder, {{"TMPDIR", folder}});
  };
  const CommandResult no_time = verify("--at=20");
  EXPECT_EQ(no_time.exit_code, 2) << no_time.err;
  const CommandResult too_late = verify("--at=1000ba");
  EXPECT_EQ(too_late.exit_code, 1) << too_late.err;
  EXPECT_TRUE(absl::StrContains(too_late.err, "the run ends before 1000ba")) << too_late.err;
  EXPECT_TRUE(fs::is_empty(folder)) << "temporary folders stay";
}

}  // namespace
}  // namespace composer::testing
