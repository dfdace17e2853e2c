// The launcher alone, with another program in the place of composer_main.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

class LauncherTest : public ::testing::Test {
 protected:
  LauncherTest() {
    std::filesystem::copy_file(std::filesystem::canonical(data_file("composer/cli/composer")),
                               folder_ + "/composer");
    write_text(folder_ + "/composer_main",
               "#!/bin/sh\necho \"$GOMP_SPINCOUNT|$OMP_WAIT_POLICY|$*\"\nexit 7\n");
    ::chmod((folder_ + "/composer_main").c_str(), 0755);
  }

  // stdout and stderr of a shell command; the launcher is ./composer.
  std::string shell(const std::string& command, int* exit_code = nullptr) {
    FILE* pipe = ::popen(absl::StrCat("cd ", folder_, " && ", command, " 2>&1").c_str(), "r");
    std::string text;
    for (int c; (c = std::fgetc(pipe)) != EOF;) text.push_back(static_cast<char>(c));
    const int status = ::pclose(pipe);
    if (exit_code != nullptr) *exit_code = WEXITSTATUS(status);
    return text;
  }

  const std::string folder_ = fresh_folder();
};

TEST_F(LauncherTest, PassesArgumentsAndExitCodeAndLimitsSpinning) {
  int exit_code;
  EXPECT_EQ(shell("env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT ./composer train 'a b'", &exit_code),
            "10000||train a b\n");
  EXPECT_EQ(exit_code, 7);
}

TEST_F(LauncherTest, LeavesAloneWhatTheUserHasSet) {
  EXPECT_EQ(shell("env -u OMP_WAIT_POLICY GOMP_SPINCOUNT=5 ./composer"), "5||\n");
  EXPECT_EQ(shell("env -u GOMP_SPINCOUNT OMP_WAIT_POLICY=active ./composer"), "|active|\n");
}

TEST_F(LauncherTest, FindsItsProgramThroughALink) {
  const std::string elsewhere = fresh_folder();
  std::filesystem::create_symlink(folder_ + "/composer", elsewhere + "/composer");
  EXPECT_TRUE(absl::EndsWith(shell(elsewhere + "/composer x"), "|x\n"));
}

TEST_F(LauncherTest, SaysWhatIsMissing) {
  std::filesystem::remove(folder_ + "/composer_main");
  int exit_code;
  const std::string text = shell("./composer", &exit_code);
  EXPECT_EQ(exit_code, 1);
  EXPECT_TRUE(absl::StrContains(text, "composer_main: No such file or directory")) << text;
}

}  // namespace
}  // namespace composer::testing
