// The power goes after every single call to the file system that a run makes for its checkpoints.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/retention.h"
#include "composer/checkpoint/start_attempts.h"
#include "composer/checkpoint/temporary_names.h"
#include "tests/checkpoint/faults/file_system_shim.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"
#include "tests/checkpoint/faults/simulated_disk.h"

namespace composer {
namespace {

using Luck = SimulatedDisk::Luck;

// Keeps all calls, so that the power can go between any two.
class Recorder final : public FileSystemShim {
 public:
  explicit Recorder(bool exchanges) : exchanges(exchanges) {}

  int before(FileSystemCall& call) override {
    return call.kind == FileSystemCall::kExchange && !exchanges ? EINVAL : 0;
  }
  void after(const FileSystemCall& call) override {
    calls.push_back(call);
    if (call.kind == FileSystemCall::kWrite) {
      data.push_back(std::make_unique<std::string>(call.data, call.size));
      calls.back().data = data.back()->data();
    }
  }

  bool exchanges;
  std::vector<FileSystemCall> calls;
  std::vector<std::unique_ptr<std::string>> data;
};

bool changes(const FileSystemCall& call) {
  switch (call.kind) {
    case FileSystemCall::kLook:
    case FileSystemCall::kClose:
      return false;
    case FileSystemCall::kOpen:
      return (call.flags & O_CREAT) != 0;
    default:
      return true;
  }
}

// Something a run does, and what the newest checkpoint is when it has returned OK.
struct Step {
  std::function<absl::Status(const std::string& parent)> act;
  std::optional<int64_t> newest;
};

Step save(int64_t batch, int64_t seed) {
  return {[=](const std::string& parent) {
            return save_sample(parent, absl::StrCat("ba", batch), batch, seed);
          },
          seed};
}

class PowerCutTest : public ::testing::Test {
 protected:
  // Checks that after a cut in the middle of a step the newest checkpoint is the one from before it
  // or the step's, and after the step the step's.
  void check(const std::vector<Step>& steps, bool exchanges = true) {
    const std::string root = fresh_folder();
    std::vector<size_t> ends;
    auto recorder = std::make_unique<Recorder>(exchanges);
    for (const Step& step : steps) {
      const absl::Status status = step.act(root + "/run/checkpoints");
      ASSERT_TRUE(status.ok()) << status;
      ends.push_back(recorder->calls.size());
    }
    const std::vector<FileSystemCall> calls = std::move(recorder->calls);
    const auto data = std::move(recorder->data);
    recorder.reset();
    std::optional<int64_t> before;
    SimulatedDisk disk(root);
    size_t step = 0;
    for (size_t call = 0; call <= calls.size() && !HasFailure(); ++call) {
      if (call > 0) disk.apply(calls[call - 1]);
      while (step < steps.size() && call == ends[step]) before = steps[step++].newest;
      if (call > 0 && call < calls.size() && !changes(calls[call - 1])) continue;
      SCOPED_TRACE(absl::StrCat("after call ", call, " of ", calls.size(), ", in step ", step));
      cut(disk, before, step < steps.size() ? steps[step].newest : before, exchanges);
    }
    EXPECT_EQ(step, steps.size());
  }

 private:
  void cut(const SimulatedDisk& disk, std::optional<int64_t> before, std::optional<int64_t> after,
           bool whole_before_cleaning) {
    const std::string remains = ::testing::TempDir() + "/remains";
    for (int repetition = 0; repetition < 5; ++repetition) {
      const Luck luck = repetition == 0   ? Luck::kNothing
                        : repetition == 1 ? Luck::kEverything
                                          : Luck::kAnything;
      disk.write_remains(remains, luck, random_);
      const std::string parent = remains + "/run/checkpoints";
      if (whole_before_cleaning) check_newest(parent, before, after);
      give_to_dead_process(parent);
      const auto leftovers = remove_leftovers(parent, /*alone=*/false);
      EXPECT_TRUE(leftovers.ok()) << leftovers.status();
      check_newest(parent, before, after);
      if (std::filesystem::is_symlink(parent + "/latest")) {
        EXPECT_TRUE(sample_in(parent + "/latest")) << "latest leads nowhere";
      }
    }
  }

  static void check_newest(const std::string& parent, std::optional<int64_t> before,
                           std::optional<int64_t> after) {
    const std::optional<int64_t> newest = newest_sample(parent);
    EXPECT_TRUE(newest == before || newest == after)
        << "the newest is " << newest.value_or(-1) << ", not " << before.value_or(-1) << " or "
        << after.value_or(-1);
    const auto all = list_checkpoints(parent);
    for (const StoredCheckpoint& checkpoint : *all) {
      EXPECT_TRUE(sample_in(checkpoint.path)) << "half a checkpoint under a good name";
    }
  }

  std::mt19937_64 random_{1};
};

TEST_F(PowerCutTest, SavesOneAfterAnother) { check({save(1, 1), save(2, 2), save(3, 3)}); }

TEST_F(PowerCutTest, SavesInPlaceOfAnother) { check({save(1, 1), save(1, 2), save(1, 3)}); }

TEST_F(PowerCutTest, SavesInPlaceOfAnotherWhereNamesCannotBeExchanged) {
  // A cut between the two renames leaves it under another name until the next start.
  check({save(1, 1), save(2, 2), save(2, 3)}, /*exchanges=*/false);
}

TEST_F(PowerCutTest, DeletesOldCheckpoints) {
  const auto keep_one = [](const std::string& parent) {
    return apply_retention(parent, {.keep_last = 1}).status();
  };
  check({save(1, 1), save(2, 2), {keep_one, 2}, save(3, 3), {keep_one, 3}});
}

TEST_F(PowerCutTest, CountsStarts) {
  const auto starts = [](const std::string& parent) { return note_start(parent + "/ba1"); };
  const auto succeeds = [](const std::string& parent) { return note_success(parent + "/ba1"); };
  check({save(1, 1), {starts, 1}, save(2, 2), {succeeds, 2}});
}

TEST(SimulatedDiskTest, ForgetsWhatWasNotSynced) {
  const std::string root = fresh_folder(), remains = ::testing::TempDir() + "/remains";
  SimulatedDisk disk(root);
  std::mt19937_64 random(1);
  const auto left = [&](Luck luck) {
    disk.write_remains(remains, luck, random);
    return names_in(remains);
  };
  disk.apply({.kind = FileSystemCall::kOpen, .path = root + "/a", .descriptor = 9, .flags = 0100});
  disk.apply({.kind = FileSystemCall::kWrite,
              .path = root + "/a",
              .descriptor = 9,
              .data = "xyz",
              .size = 3});
  EXPECT_EQ(left(Luck::kNothing), std::set<std::string>());
  EXPECT_EQ(left(Luck::kEverything), std::set<std::string>({"a"}));
  EXPECT_EQ(read_whole_file(remains + "/a"), "xyz");
  disk.apply({.kind = FileSystemCall::kSync, .path = root});
  EXPECT_EQ(left(Luck::kNothing), std::set<std::string>({"a"}));
  EXPECT_EQ(read_whole_file(remains + "/a"), "");
  disk.apply({.kind = FileSystemCall::kSync, .path = root + "/a", .descriptor = 9});
  disk.apply({.kind = FileSystemCall::kRename, .path = root + "/a", .other = root + "/b"});
  EXPECT_EQ(left(Luck::kNothing), std::set<std::string>({"a"}));
  EXPECT_EQ(read_whole_file(remains + "/a"), "xyz");
  EXPECT_EQ(left(Luck::kEverything), std::set<std::string>({"b"}));
}

}  // namespace
}  // namespace composer
