#include "composer/base/process_identity.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace composer {
namespace {

TEST(ProcessIdentityTest, ReadsBackFromItsText) {
  const ProcessIdentity current = ProcessIdentity::current();
  EXPECT_EQ(current.pid, ::getpid());
  EXPECT_GT(current.start, 0);
  const auto parsed = ProcessIdentity::parse(current.to_string());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->to_string(), current.to_string());
  const auto hyphens = ProcessIdentity::parse("node-7-a-12-345");
  ASSERT_TRUE(hyphens);
  EXPECT_EQ(hyphens->host, "node-7-a");
  EXPECT_EQ(hyphens->pid, 12);
  EXPECT_EQ(hyphens->start, 345);
  for (const char* text :
       {"", "12-345", "host-12", "-12-345", "host-a-345", "host-12-", "h--1-2"}) {
    const auto refused = ProcessIdentity::parse(text);
    EXPECT_TRUE(!refused || refused->host == "h-") << text;
  }
}

TEST(ProcessIdentityTest, TellsWhoRuns) {
  const ProcessIdentity current = ProcessIdentity::current();
  EXPECT_EQ(liveness(current), Liveness::kRunning);
  ProcessIdentity other = current;
  other.start += 1;  // a later process with the same id
  EXPECT_EQ(liveness(other), Liveness::kGone);
  other = current;
  other.host += "2";
  EXPECT_EQ(liveness(other), Liveness::kUnknown);
}

TEST(ProcessIdentityTest, AProcessThatEndedIsGoneEvenBeforeItsParentNotices) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ProcessIdentity identity = ProcessIdentity::current();
  identity.pid = child;
  identity.start = 0;
  EXPECT_EQ(liveness(identity), Liveness::kRunning);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(liveness(identity), Liveness::kGone);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(liveness(identity), Liveness::kGone);
}

}  // namespace
}  // namespace composer
