#include "composer/cli/resume_command.h"

#include <gtest/gtest.h>

namespace composer {
namespace {

TEST(ShellQuotedTest, LeavesPlainWordsAndQuotesOthers) {
  EXPECT_EQ(shell_quoted("optimizer.sgd.lr=0.1"), "optimizer.sgd.lr=0.1");
  EXPECT_EQ(shell_quoted("a b"), "'a b'");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted("$HOME"), "'$HOME'");
  EXPECT_EQ(shell_quoted("a[0]"), "'a[0]'");
  EXPECT_EQ(shell_quoted(""), "''");
}

TEST(ResumeCommandTest, HasTheOverridesAndPluginsOfTheStart) {
  ConfigArguments arguments;
  arguments.config = "a.textproto";
  arguments.overrides = {"seed=3", "algorithms+=mixup { alpha: 0.4 }"};
  arguments.plugins.files = {"my plugin.so"};
  EXPECT_EQ(resume_command(arguments, "runs/a"),
            "composer train a.textproto --resume=runs/a --plugin 'my plugin.so' seed=3 "
            "'algorithms+=mixup { alpha: 0.4 }'");
}

}  // namespace
}  // namespace composer
