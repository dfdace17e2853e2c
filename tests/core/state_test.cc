#include "composer/core/state.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace composer {
namespace {

at::Tensor draw(State& state, const char* name = "MixUp") {
  return at::rand({4}, state.generator(name), at::kDouble);
}

TEST(State, StopsForTheFirstReason) {
  State state;
  EXPECT_FALSE(state.stop_requested());
  state.stop_training("one");
  state.stop_training("other");
  EXPECT_TRUE(state.stop_requested());
  EXPECT_EQ(*state.stop_reason, "one");
}

TEST(State, AnInterruptionHidesNoStopInWhateverOrderTheyCome) {
  State stopped_first, interrupted_first;
  stopped_first.stop_training("enough");
  stopped_first.interrupt("SIGTERM");
  interrupted_first.interrupt("SIGTERM");
  EXPECT_FALSE(interrupted_first.stop_is_final);
  EXPECT_EQ(interrupted_first.stop_reason, "SIGTERM");
  interrupted_first.stop_training("enough");
  for (State* state : {&stopped_first, &interrupted_first}) {
    EXPECT_TRUE(state->interrupted);
    EXPECT_TRUE(state->stop_is_final);
    EXPECT_EQ(state->stop_reason, "enough");
    state->forget_stop();
    EXPECT_FALSE(state->interrupted || state->stop_is_final || state->stop_requested());
  }
}

TEST(StateGenerator, ContinuesOneStreamWithinAMicrobatch) {
  State state;
  const at::Tensor first = draw(state);
  EXPECT_FALSE(at::equal(draw(state), first));
}

TEST(StateGenerator, IsAFunctionOfSeedNameBatchMicrobatchAndRank) {
  const auto draw_with = [](auto&& change) {
    State state;
    change(state);
    return draw(state);
  };
  const at::Tensor plain = draw_with([](State&) {});
  EXPECT_TRUE(at::equal(draw_with([](State&) {}), plain));
  EXPECT_FALSE(at::equal(draw_with([](State& s) { s.seed = 1; }), plain));
  EXPECT_FALSE(at::equal(draw_with([](State& s) { s.timestamp.batch = 1; }), plain));
  EXPECT_FALSE(at::equal(draw_with([](State& s) { s.microbatch = 1; }), plain));
  EXPECT_FALSE(at::equal(draw_with([](State& s) { s.rank = 1; }), plain));
  State state;
  EXPECT_FALSE(at::equal(draw(state, "CutMix"), plain));
}

TEST(StateGenerator, OneMoreAlgorithmMovesNoOthersDraws) {
  State alone, together;
  const at::Tensor first = draw(alone), second = draw(alone);
  EXPECT_TRUE(at::equal(draw(together), first));
  draw(together, "CutMix");
  EXPECT_TRUE(at::equal(draw(together), second));
}

TEST(StateGenerator, DrawsTheSameForALossThatIsComputedTwice) {
  State state;
  state.evaluation = 1;
  const at::Tensor first = draw(state);
  state.evaluation = 2;
  EXPECT_TRUE(at::equal(draw(state), first));
}

TEST(StateGenerator, DrawsInTheMiddleOfARunAsARunThatGotThere) {
  State whole, resumed;
  draw(whole);
  whole.timestamp.batch = resumed.timestamp.batch = 5;
  EXPECT_TRUE(at::equal(draw(whole), draw(resumed)));
}

TEST(ScheduleClock, MovesInsideAnEpochWhereItsLengthIsKnown) {
  State state;
  state.max_duration = Time::epochs(4);
  state.timestamp.epoch = 1;
  state.timestamp.batch_in_epoch = 5;
  EXPECT_EQ(state.elapsed_duration(), 0.25);
  state.dataloader_length = 10;
  EXPECT_EQ(state.elapsed_duration(), 0.375);
}

TEST(ScheduleClock, GoesByTheUnitOfTheDuration) {
  State state;
  state.timestamp.batch = 5;
  state.timestamp.sample = 30;
  state.max_duration = Time::batches(20);
  EXPECT_EQ(state.elapsed_duration(), 0.25);
  state.max_duration = Time::samples(60);
  EXPECT_EQ(state.elapsed_duration(), 0.5);
}

TEST(ScheduleClock, MeasuresProgressWithinATime) {
  State state;
  state.max_duration = Time::batches(20);
  state.timestamp.batch = 5;
  const ScheduleClock clock = state.clock();
  EXPECT_EQ(clock.progress(Time::batches(10)), 0.5);
  EXPECT_EQ(clock.progress(Time::duration(0.5)), 0.5);
  EXPECT_EQ(clock.progress(Time::batches(5)), 1);
  EXPECT_EQ(clock.progress(Time::batches(2)), 2.5);
  EXPECT_EQ(clock.progress(Time::batches(0)), INFINITY);
}

TEST(ScheduleClock, NeedsADuration) { EXPECT_THROW(State().clock(), c10::Error); }

}  // namespace
}  // namespace composer
