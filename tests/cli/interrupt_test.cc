#include "composer/cli/interrupt.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "composer/base/time.h"
#include "composer/cli/stop_at.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"

namespace composer {
namespace {

TEST(SignalScopeTest, NotesSignalsWhileItLives) {
  {
    const SignalScope scope;
    EXPECT_FALSE(SignalScope::pending());
    EXPECT_FALSE(SignalScope::take_save_request());
    ASSERT_EQ(raise(SIGUSR1), 0);
    EXPECT_TRUE(SignalScope::take_save_request());
    EXPECT_FALSE(SignalScope::take_save_request()) << "it was taken";
    ASSERT_EQ(raise(SIGTERM), 0);
    EXPECT_TRUE(SignalScope::pending());
    EXPECT_EQ(SignalScope::received(), SIGTERM);
  }
  struct sigaction action;
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST(InterruptCallbackTest, InterruptsAndSavesBetweenTwoBatches) {
  const SignalScope scope;
  State state;
  Logger logger;
  int saves = 0, calls = 0;
  InterruptCallback callback({[&](State&) { ++calls; }});
  callback.set_save([&] { ++saves; });
  callback.batch_end(state, logger);
  EXPECT_EQ(saves, 0);
  ASSERT_EQ(raise(SIGUSR1), 0);
  callback.batch_end(state, logger);
  callback.batch_end(state, logger);
  EXPECT_EQ(saves, 1);
  EXPECT_EQ(calls, 3);
  EXPECT_FALSE(state.interrupted);
  ASSERT_EQ(raise(SIGINT), 0);
  callback.eval_batch_end(state, logger);
  EXPECT_TRUE(state.interrupted);
  EXPECT_EQ(state.stop_reason, "SIGINT");
}

TEST(StopAtTest, InterruptsWhereTheTimeIsReached) {
  const auto time = parse_stop_at("2ba");
  ASSERT_TRUE(time.ok()) << time.status();
  const BoundaryHook hook = stop_at(*time);
  State state;
  state.timestamp = state.timestamp.next_batch(8);
  hook(state);
  EXPECT_FALSE(state.interrupted);
  EXPECT_TRUE(check_stop_at(*time, state).ok());
  state.timestamp = state.timestamp.next_batch(8);
  EXPECT_EQ(check_stop_at(*time, state).code(), absl::StatusCode::kFailedPrecondition);
  hook(state);
  EXPECT_TRUE(state.interrupted);
  EXPECT_EQ(state.stop_reason, "--stop-at=2ba");
}

TEST(StopAtTest, TakesAPartOfTheRunButNoIterations) {
  State state;
  state.max_duration = Time::batches(4);
  state.timestamp = state.timestamp.next_batch(8).next_batch(8);
  const auto half = parse_stop_at("0.5dur");
  ASSERT_TRUE(half.ok()) << half.status();
  stop_at (*half)(state);
  EXPECT_TRUE(state.interrupted);
  EXPECT_FALSE(parse_stop_at("2iter").ok());
  EXPECT_FALSE(parse_stop_at("20").ok());
}

}  // namespace
}  // namespace composer
