// Every call to the file system that a save makes fails once, and then all from it on.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/retention.h"
#include "composer/checkpoint/temporary_names.h"
#include "tests/checkpoint/faults/file_system_shim.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"

namespace composer {
namespace {

constexpr int kNever = -1;
constexpr int kShortWrite = -2;

struct Fault {
  /// Which call, counted from 0.
  int call = kNever;
  /// An errno, or kShortWrite.
  int error = 0;
  bool lasting = false;
  /// Renames cannot exchange, as on NFS.
  bool no_exchange = false;
};

class FaultyFileSystem final : public FileSystemShim {
 public:
  explicit FaultyFileSystem(const Fault& fault) : fault_(fault) {}

  int before(FileSystemCall& call) override {
    const int number = calls_++;
    const bool due =
        fault_.call != kNever && (fault_.lasting ? number >= fault_.call : number == fault_.call);
    if (due && fault_.error == kShortWrite) {
      if (call.kind == FileSystemCall::kWrite) call.size = (call.size + 1) / 2;
      return 0;
    }
    if (due) {
      path_ = call.path;
      return fault_.error;
    }
    return call.kind == FileSystemCall::kExchange && fault_.no_exchange ? EINVAL : 0;
  }

  int calls() const { return calls_; }
  /// Of the call that failed last.
  const std::string& path() const { return path_; }

 private:
  const Fault fault_;
  int calls_ = 0;
  std::string path_;
};

// A folder before a save, and the save. Each seed is a content; the save's is 2.
struct Scenario {
  const char* name;
  std::optional<int64_t> before;
  std::function<absl::Status(const std::string& parent)> prepare;
  std::function<absl::Status(const std::string& parent)> save;
};

std::vector<Scenario> scenarios() {
  const auto nothing = [](const std::string&) { return absl::OkStatus(); };
  const auto first = [](const std::string& parent) { return save_sample(parent, "ba1", 1, 1); };
  const auto second = [](const std::string& parent) { return save_sample(parent, "ba2", 2, 2); };
  const auto same = [](const std::string& parent) { return save_sample(parent, "ba1", 1, 2); };
  return {{"the first checkpoint", std::nullopt, nothing, second},
          {"one after another", 1, first, second},
          {"one in place of another", 1, first, same}};
}

class FailingCallsTest : public ::testing::TestWithParam<bool> {
 protected:
  // Checks what a save leaves that met `fault`, and returns how many calls it made.
  int check(const Scenario& scenario, Fault fault) {
    const std::string folder = fresh_folder();
    const std::string parent = folder + "/checkpoints";
    fault.no_exchange = GetParam();
    {
      const SparedSyncs spared;
      EXPECT_TRUE(scenario.prepare(parent).ok());
    }
    const std::set<std::string> names_before =
        std::filesystem::exists(parent) ? names_in(parent) : std::set<std::string>();
    absl::Status status;
    int calls = 0;
    std::string failed_path;
    {
      FaultyFileSystem file_system(fault);
      status = scenario.save(parent);
      calls = file_system.calls();
      failed_path = file_system.path();
    }
    SCOPED_TRACE(absl::StrCat(scenario.name, ", call ", fault.call, " on ", failed_path,
                              fault.lasting ? " and all after it" : "", ": ", fault.error, ", ",
                              status.ToString()));
    const bool in_place = absl::StrContains(status.message(), "is complete, but");
    if (!fault.lasting && !status.ok() && !in_place && !names_before.empty()) {
      EXPECT_EQ(names_in(parent), names_before);
    }
    give_to_dead_process(parent);
    EXPECT_TRUE(remove_leftovers(parent, /*alone=*/false).ok());
    const std::optional<int64_t> found = newest_sample(parent);
    if (status.ok() || in_place) {
      EXPECT_EQ(found, 2);
    } else {
      EXPECT_EQ(found, scenario.before);
      EXPECT_TRUE(absl::StrContains(status.message(), folder)) << "no path";
      EXPECT_TRUE(absl::StrContains(status.message(), std::strerror(fault.error))) << "no reason";
    }
    EXPECT_TRUE(status.ok() || (fault.error != EINTR && fault.error != kShortWrite));
    const auto all = list_checkpoints(parent);
    for (const StoredCheckpoint& checkpoint : *all) EXPECT_TRUE(sample_in(checkpoint.path));
    const SparedSyncs spared;
    EXPECT_TRUE(save_sample(parent, "ba3", 3, 3).ok());
    EXPECT_EQ(newest_sample(parent), 3);
    return calls;
  }

  void check_each_call(int error, bool lasting) {
    for (const Scenario& scenario : scenarios()) {
      const int calls = check(scenario, {});
      EXPECT_GT(calls, 20);
      for (int call = 0; call < calls && !HasFailure(); ++call) {
        check(scenario, {.call = call, .error = error, .lasting = lasting});
      }
    }
  }
};

TEST_P(FailingCallsTest, OneInputOutputErrorLeavesTheOldOrTheNewCheckpoint) {
  check_each_call(EIO, /*lasting=*/false);
}

TEST_P(FailingCallsTest, ADiskThatStaysBrokenLeavesTheOldOrTheNewCheckpoint) {
  check_each_call(EIO, /*lasting=*/true);
}

TEST_P(FailingCallsTest, AFullDiskLeavesTheOldOrTheNewCheckpoint) {
  check_each_call(ENOSPC, /*lasting=*/false);
}

TEST_P(FailingCallsTest, ASignalInAnyCallIsNoError) { check_each_call(EINTR, /*lasting=*/false); }

TEST_P(FailingCallsTest, ShortWritesAreNoError) {
  check_each_call(kShortWrite, /*lasting=*/false);
  for (const Scenario& scenario : scenarios()) {
    check(scenario, {.call = 0, .error = kShortWrite, .lasting = true});
  }
}

INSTANTIATE_TEST_SUITE_P(, FailingCallsTest, ::testing::Bool(), [](const auto& info) {
  return info.param ? "WithoutExchange" : "WithExchange";
});

TEST(FailingDeletionTest, AnErrorInAnyCallLeavesNoHalfCheckpoint) {
  int calls = 1;
  for (int call = kNever; call < calls; ++call) {
    for (const bool lasting : {false, true}) {
      const std::string parent = fresh_folder();
      for (const int batch : {1, 2, 3}) {
        const SparedSyncs spared;
        ASSERT_TRUE(save_sample(parent, absl::StrCat("ba", batch), batch, batch).ok());
      }
      absl::Status status;
      {
        FaultyFileSystem file_system({.call = call, .error = EIO, .lasting = lasting});
        status = apply_retention(parent, {.keep_last = 1}).status();
        if (call == kNever) calls = file_system.calls();
      }
      SCOPED_TRACE(absl::StrCat("call ", call, ": ", status.ToString()));
      const auto all = list_checkpoints(parent);
      for (const StoredCheckpoint& checkpoint : *all) EXPECT_TRUE(sample_in(checkpoint.path));
      EXPECT_EQ(newest_sample(parent), 3);
      EXPECT_TRUE(call != kNever || (status.ok() && all->size() == 1));
    }
  }
  EXPECT_GT(calls, 15);
}

}  // namespace
}  // namespace composer
