// A process that saves one checkpoint after another is killed at random moments.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "composer/base/run_lock.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/retention.h"
#include "composer/checkpoint/temporary_names.h"
#include "tests/checkpoint/faults/file_system_shim.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"

namespace composer {
namespace {

constexpr int kKills = 200;

// Goes on from the newest checkpoint until it is killed. Each second save takes the place of the
// one before. What is saved is told through the pipe.
[[noreturn]] void save_until_killed(const std::string& folder, int pipe) {
  const SparedSyncs spared;  // what a kill leaves, the kernel keeps
  const auto lock = RunLock::acquire(folder);
  const std::string parent = folder + "/checkpoints";
  if (!lock.ok() || !remove_leftovers(parent, /*alone=*/true).ok()) ::_exit(1);
  const int64_t ready = 0;
  if (::write(pipe, &ready, sizeof ready) != sizeof ready) ::_exit(3);
  for (int64_t seed = newest_sample(parent).value_or(0) + 1;; ++seed) {
    const int64_t batch = seed / 2;
    if (!save_sample(parent, absl::StrCat("ba", batch), batch, seed).ok()) ::_exit(2);
    if (::write(pipe, &seed, sizeof seed) != sizeof seed) ::_exit(3);
    if (!apply_retention(parent, {.keep_last = 2}).ok()) ::_exit(4);
  }
}

// The last seed that the process told of; 0 when there is none.
int64_t last_told(int pipe) {
  int64_t seed = 0;
  while (::read(pipe, &seed, sizeof seed) == sizeof seed) {
  }
  return seed;
}

// How long a save and a deletion take on this machine now.
absl::Duration time_of_save(const std::string& parent) {
  const SparedSyncs spared;
  const absl::Time start = absl::Now();
  for (int64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_TRUE(save_sample(parent, absl::StrCat("ba", seed / 2), seed / 2, seed).ok());
    EXPECT_TRUE(apply_retention(parent, {.keep_last = 2}).ok());
  }
  return (absl::Now() - start) / 10;
}

TEST(KillTest, TheNewestCheckpointIsCompleteWheneverTheWriterIsKilled) {
  const std::string folder = fresh_folder(), parent = folder + "/checkpoints";
  std::mt19937_64 random(1);
  const absl::Duration most = 4 * time_of_save(parent);
  int64_t newest = newest_sample(parent).value_or(0);
  int told = 0;
  for (int kill = 0; kill < kKills && !HasFailure(); ++kill) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) save_until_killed(folder, pipe[1]);
    ::close(pipe[1]);
    int64_t ready = -1;
    ASSERT_EQ(::read(pipe[0], &ready, sizeof ready), ssize_t{sizeof ready});
    absl::SleepFor(most * static_cast<double>(random() % 1000) / 1000);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself, with " << WEXITSTATUS(status);
    const int64_t saved = std::max(last_told(pipe[0]), newest);
    told += saved > newest;
    ::close(pipe[0]);
    newest = newest_sample(parent).value_or(0);
    EXPECT_TRUE(newest == saved || newest == saved + 1)
        << newest << " is the newest, " << saved << " was saved last";
    const auto all = list_checkpoints(parent);
    ASSERT_TRUE(all.ok());
    for (const StoredCheckpoint& checkpoint : *all) {
      EXPECT_TRUE(sample_in(checkpoint.path)) << checkpoint.path;
    }
  }
  // Where no process came far enough to save, nothing would have been tested.
  EXPECT_GT(told, kKills / 10);
  ASSERT_TRUE(remove_leftovers(parent, /*alone=*/true).ok());
  for (const std::string& name : names_in(parent)) {
    EXPECT_FALSE(absl::StrContains(name, ".composer-")) << name;
  }
}

}  // namespace
}  // namespace composer
