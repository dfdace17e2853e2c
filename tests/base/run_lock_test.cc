#include "composer/base/run_lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace composer {
namespace {

std::string run_folder(const std::string& name) {
  const std::string folder = ::testing::TempDir() + "/" + name;
  std::filesystem::create_directories(folder);
  return folder;
}

TEST(RunLockTest, ASecondRunIsRefusedWithWhoHoldsTheFolder) {
  const std::string folder = run_folder("two_runs");
  std::optional<absl::StatusOr<RunLock>> first = RunLock::acquire(folder);
  ASSERT_TRUE(first->ok()) << first->status();
  const auto second = RunLock::acquire(folder);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  for (const std::string& part :
       {folder, absl::StrCat("process ", ::getpid()), std::string("20")}) {
    EXPECT_TRUE(absl::StrContains(second.status().message(), part)) << second.status();
  }
  EXPECT_TRUE(RunLock::acquire(run_folder("another_run")).ok());
  first.reset();
  EXPECT_TRUE(RunLock::acquire(folder).ok());
}

TEST(RunLockTest, AKillLetsGo) {
  const std::string folder = run_folder("killed");
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = RunLock::acquire(folder);
    const char held = lock.ok();
    if (::write(pipe[1], &held, 1) == 1) ::pause();
    ::_exit(0);
  }
  char held = 0;
  ASSERT_EQ(::read(pipe[0], &held, 1), 1);
  ASSERT_EQ(held, 1);
  const auto refused = RunLock::acquire(folder);
  EXPECT_TRUE(absl::StrContains(refused.status().message(), absl::StrCat("process ", child)))
      << refused.status();
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(RunLock::acquire(folder).ok());
}

TEST(RunLockTest, AMissingFolderIsNamed) {
  const auto lock = RunLock::acquire(::testing::TempDir() + "/missing");
  EXPECT_EQ(lock.status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(lock.status().message(), "/missing/.lock")) << lock.status();
}

}  // namespace
}  // namespace composer
