// A training run is killed at random moments, and each time goes on from its newest checkpoint.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "composer/checkpoint/checkpoint.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"
#include "tests/checkpoint/faults/training_program.h"
#include "tests/testing/resume.h"

namespace composer {
namespace {

constexpr int kShards = 4;
constexpr int kKillsOfAShard = 50;

class Process {
 public:
  explicit Process(const std::string& folder) {
    int ends[2];
    if (::pipe(ends) != 0) ::abort();
    const std::string descriptor = absl::StrCat(ends[1]);
    process_ = ::fork();
    if (process_ == 0) {
      ::close(ends[0]);
      const char* const program = "tests/checkpoint/faults/training_program";
      // Only errors.
      ::setenv("GLOG_minloglevel", "2", 1);
      ::execl(program, program, folder.c_str(), descriptor.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  ~Process() { ::close(pipe_); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Until it tells of `what` the `count`th time, or is over: false.
  bool wait_for(char what, int count = 1) {
    char told = 0;
    while (count > 0 && ::read(pipe_, &told, 1) == 1) count -= told == what;
    return count == 0;
  }

  // As `wait_for`, but for no longer than that.
  void wait(absl::Duration most) const {
    pollfd over = {.fd = pipe_, .events = 0, .revents = 0};
    const timespec time = absl::ToTimespec(most);
    ::ppoll(&over, 1, &time, nullptr);
  }

  // Its exit code; nothing when it was killed.
  std::optional<int> end(bool kill) {
    if (kill) ::kill(process_, SIGKILL);
    int status = 0;
    if (::waitpid(process_, &status, 0) != process_) ::abort();
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return std::nullopt;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t process_ = -1;
  int pipe_ = -1;
};

struct End {
  StateDict state;
  std::vector<std::string> lines;
};

End end_of(const std::string& folder) {
  const auto checkpoint = read_checkpoint(folder + "/end/ba0");
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  if (!checkpoint.ok()) return {};
  return {testing::without_clocks(checkpoint->state), testing::logged(folder + "/metrics.jsonl")};
}

// Waits for a moment to kill the process at. Whether that is in a save.
bool wait_for_a_moment(Process& process, absl::Duration most, std::mt19937_64& random) {
  const double part = static_cast<double>(random() % 1000) / 1000;
  switch (random() % 8) {
    case 0:  // anywhere: while it starts, reads and loads
      process.wait(absl::Seconds(1) * part);
      return false;
    case 1:
    case 2:
    case 3:  // anywhere in training
      if (process.wait_for(kReady)) process.wait(most * part);
      return false;
    default:  // in a save
      if (!process.wait_for(kSaves, static_cast<int>(1 + random() % 3))) return false;
      process.wait(absl::Milliseconds(5) * part);
      return true;
  }
}

class TrainingKillTest : public ::testing::TestWithParam<int> {};

TEST_P(TrainingKillTest, EndsAsIfItHadNeverBeenKilled) {
  const std::string unbroken = fresh_folder();
  Process whole(unbroken);
  ASSERT_TRUE(whole.wait_for(kReady));
  const absl::Time start = absl::Now();
  ASSERT_EQ(whole.end(/*kill=*/false), 0);
  const absl::Duration time_of_save = (absl::Now() - start) / (150 / kBatchesPerSave);
  const End expected = end_of(unbroken);
  ASSERT_EQ(expected.lines.size(), 180u);

  std::mt19937_64 random(GetParam());
  int kills = 0, kills_in_saves = 0, runs = 0;
  while (kills < kKillsOfAShard && !HasFailure()) {
    const std::string folder = absl::StrCat(unbroken, "/again", runs++);
    std::filesystem::create_directory(folder);
    while (true) {
      Process process(folder);
      const bool kill = kills < kKillsOfAShard;
      const bool in_save = kill && wait_for_a_moment(process, 4 * time_of_save, random);
      const std::optional<int> code = process.end(kill);
      if (code) {
        ASSERT_EQ(*code, 0);
        break;
      }
      ++kills;
      kills_in_saves += in_save;
    }
    const End end = end_of(folder);
    EXPECT_EQ(end.state.first_difference(expected.state), "") << kills << " kills";
    EXPECT_EQ(end.lines, expected.lines) << kills << " kills";
  }
  EXPECT_EQ(kills, kKillsOfAShard);
  EXPECT_GT(kills_in_saves, kKillsOfAShard / 4);
}

INSTANTIATE_TEST_SUITE_P(Shards, TrainingKillTest, ::testing::Range(0, kShards));

}  // namespace
}  // namespace composer
