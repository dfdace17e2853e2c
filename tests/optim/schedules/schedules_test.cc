#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "composer/base/status.h"
#include "composer/optim/schedules/constant.h"
#include "composer/optim/schedules/cosine_annealing_with_warmup.h"

namespace composer {
namespace {

Time time(const std::string& text) { return *Time::parse(text); }

// `batch` batches into a run, each of 4 samples and 32 tokens.
ScheduleClock clock_at(int64_t batch, const std::string& max_duration,
                       std::optional<int64_t> batches_per_epoch = 10) {
  ScheduleClock clock;
  clock.max_duration = time(max_duration);
  clock.batches_per_epoch = batches_per_epoch;
  clock.now.batch = batch;
  clock.now.sample = 4 * batch;
  clock.now.token = 32 * batch;
  clock.now.epoch = batch / batches_per_epoch.value_or(10);
  clock.now.batch_in_epoch = batch % batches_per_epoch.value_or(10);
  return clock;
}

std::unique_ptr<Scheduler> cosine(const std::string& t_warmup, const std::string& t_max,
                                  double alpha_f = 0) {
  return std::make_unique<CosineAnnealingWithWarmup>(CosineAnnealingWithWarmupOptions{
      .t_warmup = time(t_warmup), .t_max = time(t_max), .alpha_f = alpha_f});
}

std::unique_ptr<Scheduler> constant(double alpha, const std::string& t_max) {
  return std::make_unique<Constant>(ConstantOptions{.alpha = alpha, .t_max = time(t_max)});
}

double number(const std::string& text) {
  double value = NAN;
  EXPECT_TRUE(absl::SimpleAtod(text, &value)) << text;
  return value;
}

TEST(SchedulersTest, GiveComposersNumbers) {
  std::ifstream file("tests/golden/optim/schedules.txt");
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    std::istringstream fields(line);
    std::string kind, joined, duration;
    int64_t batches_per_epoch, batch;
    double expected;
    fields >> kind >> joined >> duration >> batches_per_epoch >> batch >> expected;
    ASSERT_FALSE(fields.fail()) << line;
    const std::vector<std::string> arguments = absl::StrSplit(joined, '|');
    const auto scheduler = kind == "constant"
                               ? constant(number(arguments[0]), arguments[1])
                               : cosine(arguments[0], arguments[1], number(arguments[2]));
    const ScheduleClock clock = clock_at(batch, duration, batches_per_epoch);
    EXPECT_TRUE(scheduler->validate(clock).ok()) << line;
    EXPECT_NEAR(scheduler->multiplier(clock), expected, 1e-12) << line;
  }
  EXPECT_GT(lines, 400);
}

TEST(CosineAnnealingWithWarmupTest, UnitsMayDifferWhereTheClockConvertsThem) {
  // 5 batches of warm-up in a run of 20, said in every way.
  const std::vector<std::vector<std::string>> same = {
      {"5ba", "20ba", "2ep"},     {"5ba", "2ep", "2ep"},     {"5ba", "1dur", "2ep"},
      {"0.25dur", "1dur", "2ep"}, {"0.25dur", "2ep", "2ep"}, {"0.25dur", "20ba", "20ba"},
      {"5ba", "2ep", "20ba"},     {"5ba", "1dur", "20ba"},   {"20sp", "1dur", "80sp"},
      {"0.25dur", "80sp", "80sp"}};
  for (int64_t batch = 0; batch <= 25; ++batch) {
    const double expected = cosine("5ba", "20ba")->multiplier(clock_at(batch, "20ba"));
    for (const auto& times : same) {
      const auto scheduler = cosine(times[0], times[1]);
      const ScheduleClock clock = clock_at(batch, times[2]);
      EXPECT_TRUE(scheduler->validate(clock).ok());
      EXPECT_NEAR(scheduler->multiplier(clock), expected, 1e-12)
          << times[0] << " " << times[1] << " " << times[2] << " at " << batch;
    }
  }
}

TEST(CosineAnnealingWithWarmupTest, IsFiniteAndBoundedWhateverTheWarmup) {
  for (const char* warmup : {"0ba", "1ba", "7ba", "29ba", "30ba", "0.5dur", "1dur", "3ep"}) {
    for (const double alpha_f : {0.0, 0.3, 1.0}) {
      const auto scheduler = cosine(warmup, "1dur", alpha_f);
      ASSERT_TRUE(scheduler->validate(clock_at(0, "3ep")).ok()) << warmup;
      for (int64_t batch = 0; batch <= 35; ++batch) {
        const double value = scheduler->multiplier(clock_at(batch, "3ep"));
        EXPECT_TRUE(std::isfinite(value) && value >= 0 && value <= 1)
            << warmup << " " << batch << ": " << value;
      }
    }
  }
}

TEST(CosineAnnealingWithWarmupTest, RisesThenFallsToItsLastValue) {
  const auto scheduler = cosine("10ba", "1dur", 0.1);
  std::vector<double> values;
  for (int64_t batch = 0; batch <= 30; ++batch) {
    values.push_back(scheduler->multiplier(clock_at(batch, "3ep")));
  }
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[10], 1);
  EXPECT_NEAR(values[30], 0.1, 1e-15);
  for (size_t i = 1; i < values.size(); ++i) {
    EXPECT_EQ(values[i] > values[i - 1], i <= 10) << i;
  }
}

TEST(CosineAnnealingWithWarmupTest, AWarmupOfTheWholeRunEndsAtThePeak) {
  const auto scheduler = cosine("1dur", "1dur");
  EXPECT_NEAR(scheduler->multiplier(clock_at(29, "3ep")), 29.0 / 30, 1e-15);
  EXPECT_EQ(scheduler->multiplier(clock_at(30, "3ep")), 1);
}

struct Refusal {
  std::string t_warmup, t_max, duration;
  std::optional<int64_t> batches_per_epoch;
  std::string field;
  std::vector<std::string> mentions;
};

TEST(CosineAnnealingWithWarmupTest, TimesThatDoNotFitAreRefusedWithTheirValues) {
  const std::vector<Refusal> refusals = {
      {"31ba", "1dur", "3ep", 10, "t_warmup", {"31ba", "1dur", "3ep"}},
      {"4ep", "30ba", "3ep", 10, "t_warmup", {"4ep", "30ba"}},
      {"10sp", "1dur", "3ep", 10, "t_warmup", {"10sp", "1dur", "3ep", "one unit"}},
      {"1ep", "1dur", "100ba", {}, "t_warmup", {"1ep", "not known"}},
      {"1ba", "1dur", "3ep", {}, "t_max", {"1dur", "3ep", "not known"}},
      {"1ba", "2ep", "100ba", {}, "t_max", {"2ep", "not known"}},
      {"0ba", "0ba", "3ep", 10, "t_max", {"above 0", "0ba"}},
      {"1ba", "2ep", "3ep", 10, "t_max", {"2ep", "3ep", "alpha_f"}},
  };
  for (const Refusal& refusal : refusals) {
    const absl::Status status =
        cosine(refusal.t_warmup, refusal.t_max)
            ->validate(clock_at(0, refusal.duration, refusal.batches_per_epoch));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(field_of(status), refusal.field) << status;
    for (const std::string& part : refusal.mentions) {
      EXPECT_NE(status.message().find(part), absl::string_view::npos) << part << ": " << status;
    }
  }
  // What goes on at alpha_f is a schedule.
  EXPECT_TRUE(cosine("1ba", "2ep", 0.1)->validate(clock_at(0, "3ep")).ok());
}

TEST(CosineAnnealingWithWarmupTest, AStreamIsScheduledByWhatItCounts) {
  const auto scheduler = cosine("10ba", "1dur");
  EXPECT_TRUE(scheduler->validate(clock_at(0, "100ba", {})).ok());
  EXPECT_NEAR(scheduler->multiplier(clock_at(5, "100ba", {})), 0.5, 1e-15);
  EXPECT_NEAR(scheduler->multiplier(clock_at(55, "100ba", {})), 0.5, 1e-15);
}

TEST(ConstantTest, EpochsOfAStreamAreRefused) {
  EXPECT_EQ(field_of(constant(0.5, "1ep")->validate(clock_at(0, "100ba", {}))), "t_max");
  EXPECT_EQ(field_of(constant(0.5, "1dur")->validate(clock_at(0, "2ep", {}))), "t_max");
  EXPECT_TRUE(constant(0.5, "1dur")->validate(clock_at(0, "100ba", {})).ok());
}

}  // namespace
}  // namespace composer
