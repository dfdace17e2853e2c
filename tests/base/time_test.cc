#include "composer/base/time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace composer {
namespace {

using ::testing::HasSubstr;

struct Reading {
  const char* text;
  double value;
  TimeUnit unit;
};

class TimeReads : public ::testing::TestWithParam<Reading> {};

TEST_P(TimeReads, TheValueAndItsUnit) {
  const absl::StatusOr<Time> time = Time::parse(GetParam().text);
  ASSERT_TRUE(time.ok()) << time.status();
  EXPECT_EQ(time->value(), GetParam().value);
  EXPECT_EQ(time->unit(), GetParam().unit);
  EXPECT_EQ(Time::parse(time->to_string()).value(), *time) << time->to_string();
}

INSTANTIATE_TEST_SUITE_P(
    Table, TimeReads,
    ::testing::Values(
        Reading{"10ep", 10, TimeUnit::kEpoch}, Reading{"10EP", 10, TimeUnit::kEpoch},
        Reading{"3e4tok", 30000, TimeUnit::kToken}, Reading{"1.0ba", 1, TimeUnit::kBatch},
        Reading{"030.0sp", 30, TimeUnit::kSample}, Reading{"1_000ba", 1000, TimeUnit::kBatch},
        Reading{"5 ep", 5, TimeUnit::kEpoch}, Reading{" 5ep", 5, TimeUnit::kEpoch},
        Reading{"5ep ", 5, TimeUnit::kEpoch}, Reading{"2iter", 2, TimeUnit::kIteration},
        Reading{"1.0iter", 1, TimeUnit::kIteration}, Reading{"30sec", 30, TimeUnit::kSecond},
        Reading{"0.5dur", 0.5, TimeUnit::kDuration}, Reading{"2dur", 2, TimeUnit::kDuration},
        Reading{"1e-3dur", 0.001, TimeUnit::kDuration}, Reading{".1dur", 0.1, TimeUnit::kDuration},
        Reading{"-3ba", -3, TimeUnit::kBatch}, Reading{"0ep", 0, TimeUnit::kEpoch},
        Reading{"9007199254740992sp", 9007199254740992., TimeUnit::kSample},
        Reading{"1h", 3600, TimeUnit::kSecond}, Reading{"1h30m", 5400, TimeUnit::kSecond},
        Reading{"30m", 1800, TimeUnit::kSecond}, Reading{"5s", 5, TimeUnit::kSecond},
        Reading{"1m30s", 90, TimeUnit::kSecond}, Reading{"1h2m3s", 3723, TimeUnit::kSecond},
        // Composer refuses parts that carry over.
        Reading{"90s", 90, TimeUnit::kSecond}, Reading{"90m", 5400, TimeUnit::kSecond},
        Reading{"24h", 86400, TimeUnit::kSecond}));

struct Refusal {
  const char* text;
  const char* reason;
};

class TimeRefuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(TimeRefuses, WithTheReasonAndWhatWouldBeRight) {
  const absl::StatusOr<Time> time = Time::parse(GetParam().text);
  ASSERT_FALSE(time.ok()) << time->to_string();
  EXPECT_EQ(time.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(time.status().message(), HasSubstr(GetParam().reason));
  EXPECT_THAT(time.status().message(), HasSubstr("\"10ep\""));
}

INSTANTIATE_TEST_SUITE_P(
    Table, TimeRefuses,
    ::testing::Values(
        Refusal{"", "it is empty"}, Refusal{"  ", "it is empty"},
        // Composer reads this as 50 seconds.
        Refusal{"5", "the unit is missing"}, Refusal{"ep", "\"\" is not a number"},
        Refusal{"5epochs", "\"epochs\" is not a unit"}, Refusal{"1H", "\"h\" is not a unit"},
        Refusal{"10 epochs", "\"epochs\" is not a unit"}, Refusal{"1.5ep", "counts whole units"},
        Refusal{"1.1iter", "counts whole units"}, Refusal{"2.1ba", "counts whole units"},
        Refusal{"3.2sp", "counts whole units"}, Refusal{"3.4tok", "counts whole units"},
        Refusal{"0.1sec", "counts whole units"}, Refusal{"nandur", "is not a unit"},
        Refusal{"infba", "is not a unit"}, Refusal{"1e400ba", "it is not finite"},
        Refusal{"1e17ba", "too large"}, Refusal{"1__0ba", "is not a number"},
        Refusal{"_1ba", "is not a number"}, Refusal{"1_ba", "is not a number"},
        Refusal{"1 2ba", "is not a number"}, Refusal{"0x10ba", "is not a number"},
        Refusal{"--1ba", "is not a number"}, Refusal{"1m1h", "is not a unit"},
        Refusal{"1h30", "the unit is missing"}, Refusal{"9999999999999999999s", "is not a unit"}));

TEST(Time, SurvivesAnyTextAndReadsBackWhatItAccepts) {
  const std::string alphabet = "0123456789.eE+-_ hmsepbatokdurinfx\t\xff\"";
  std::mt19937 random(4);
  int accepted = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    for (size_t length = random() % 8; length > 0; --length) {
      text.push_back(alphabet[random() % alphabet.size()]);
    }
    text += random() % 2 == 0 ? "ba" : "";
    const absl::StatusOr<Time> time = Time::parse(text);
    if (!time.ok()) continue;
    ++accepted;
    const absl::StatusOr<Time> back = Time::parse(time->to_string());
    ASSERT_TRUE(back.ok()) << text << " -> " << time->to_string() << ": " << back.status();
    ASSERT_EQ(*back, *time) << text;
  }
  EXPECT_GT(accepted, 1000);
}

TEST(Time, WritesDurationsAsShortAsTheyReadBack) {
  EXPECT_EQ(Time::duration(0.1).to_string(), "0.1dur");
  EXPECT_EQ(Time::duration(1.0 / 3).to_string(), "0.3333333333333333dur");
  EXPECT_EQ(Time::epochs(10).to_string(), "10ep");
  EXPECT_EQ(Time::seconds(5400).to_string(), "5400sec");
}

TEST(Time, IsScaledTowardsZeroInWholeUnits) {
  EXPECT_EQ(Time::batches(5).scaled(0.5), Time::batches(2));
  EXPECT_EQ(Time::batches(-5).scaled(0.5), Time::batches(-2));
  EXPECT_EQ(Time::duration(0.5).scaled(0.5), Time::duration(0.25));
}

TEST(Time, DiffersByUnit) {
  EXPECT_NE(Time::batches(1), Time::epochs(1));
  EXPECT_EQ(Time::samples(3), Time::samples(3));
}

Timestamp sample_timestamp() {
  return {.iteration = 1,
          .epoch = 5,
          .batch = 50,
          .sample = 500,
          .token = 5000,
          .epoch_in_iteration = 2,
          .token_in_iteration = 2000,
          .batch_in_epoch = 7,
          .sample_in_epoch = 70,
          .token_in_epoch = 700,
          .total_wct = absl::Seconds(100),
          .iteration_wct = absl::Seconds(40),
          .epoch_wct = absl::Seconds(14),
          .batch_wct = absl::Seconds(2)};
}

TEST(Timestamp, CountsABatchInEveryScope) {
  Timestamp expected = sample_timestamp();
  expected.batch = 51;
  expected.batch_in_epoch = 8;
  expected.sample = 510;
  expected.sample_in_epoch = 80;
  expected.token = 5090;
  expected.token_in_epoch = 790;
  expected.token_in_iteration = 2090;
  expected.total_wct = absl::Seconds(103);
  expected.iteration_wct = absl::Seconds(43);
  expected.epoch_wct = absl::Seconds(17);
  expected.batch_wct = absl::Seconds(3);
  EXPECT_EQ(sample_timestamp().next_batch(10, 90, absl::Seconds(3)), expected);
}

TEST(Timestamp, CountsAnEpochAndBeginsTheNext) {
  Timestamp expected = sample_timestamp();
  expected.epoch = 6;
  expected.epoch_in_iteration = 3;
  expected.batch_in_epoch = expected.sample_in_epoch = expected.token_in_epoch = 0;
  expected.epoch_wct = expected.batch_wct = absl::ZeroDuration();
  EXPECT_EQ(sample_timestamp().next_epoch(), expected);
}

TEST(Timestamp, CountsAnIterationAndBeginsTheNext) {
  Timestamp expected = sample_timestamp();
  expected.iteration = 2;
  expected.epoch_in_iteration = expected.token_in_iteration = 0;
  expected.batch_in_epoch = expected.sample_in_epoch = expected.token_in_epoch = 0;
  expected.iteration_wct = expected.epoch_wct = expected.batch_wct = absl::ZeroDuration();
  EXPECT_EQ(sample_timestamp().next_iteration(), expected);
}

TEST(Timestamp, GivesTheCounterOfAUnit) {
  const Timestamp now = sample_timestamp();
  EXPECT_EQ(now.get(TimeUnit::kIteration), 1);
  EXPECT_EQ(now.get(TimeUnit::kEpoch), 5);
  EXPECT_EQ(now.get(TimeUnit::kBatch), 50);
  EXPECT_EQ(now.get(TimeUnit::kSample), 500);
  EXPECT_EQ(now.get(TimeUnit::kToken), 5000);
  EXPECT_EQ(now.get(TimeUnit::kSecond), 100);
  EXPECT_DEATH(now.get(TimeUnit::kDuration), "State::elapsed_duration");
}

TEST(Timestamp, ReachesATimeInItsUnit) {
  const Timestamp now = sample_timestamp();
  EXPECT_TRUE(reached(now, Time::epochs(5)));
  EXPECT_FALSE(reached(now, Time::epochs(6)));
  EXPECT_TRUE(reached(now, Time::seconds(99)));
  EXPECT_FALSE(reached(now, Time::tokens(5001)));
}

}  // namespace
}  // namespace composer
