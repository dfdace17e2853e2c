#include "composer/base/interval.h"

#include <gtest/gtest.h>

#include <vector>

namespace composer {
namespace {

TEST(CrossesTest, HappensInTheStepThatReachesAMultiple) {
  std::vector<int64_t> crossed;
  Timestamp now;
  for (int i = 0; i < 10; ++i) {
    const Timestamp after = now.next_batch(3);
    if (crosses(Time::batches(4), now, after)) crossed.push_back(after.batch);
    now = after;
  }
  EXPECT_EQ(crossed, (std::vector<int64_t>{4, 8}));
}

TEST(CrossesTest, HappensOnceForSeveralMultiplesInOneStep) {
  const Timestamp start;
  const Timestamp after = start.next_batch(100);
  EXPECT_TRUE(crosses(Time::samples(30), start, after));
  EXPECT_FALSE(crosses(Time::samples(30), after, after.next_batch(19)));
  EXPECT_TRUE(crosses(Time::samples(30), after, after.next_batch(20)));
}

TEST(CrossesTest, CountsInEveryUnit) {
  const Timestamp before;
  const Timestamp after = before.next_batch(8, 64, absl::Seconds(3)).next_epoch();
  EXPECT_TRUE(crosses(Time::epochs(1), before, after));
  EXPECT_TRUE(crosses(Time::tokens(64), before, after));
  EXPECT_FALSE(crosses(Time::tokens(65), before, after));
  EXPECT_TRUE(crosses(Time::seconds(3), before, after));
  EXPECT_FALSE(crosses(Time::seconds(4), before, after));
}

TEST(CrossesTest, IsExactForLargeCounts) {
  Timestamp before;
  before.token = 1'999'999'990;
  Timestamp after = before;
  after.token = 1'999'999'999;
  EXPECT_FALSE(crosses(Time::tokens(2'000'000'000), before, after));
  after.token = 2'000'000'000;
  EXPECT_TRUE(crosses(Time::tokens(2'000'000'000), before, after));
}

TEST(CrossesTest, ZeroIsNever) {
  const Timestamp before;
  EXPECT_FALSE(crosses(Time::batches(0), before, before.next_batch(8)));
  EXPECT_FALSE(crosses(0.0, 0.0, 1.0));
}

TEST(CrossesTest, AFractionOfTheRunIsCrossedAsOftenAsItFits) {
  for (const int64_t steps : {10, 30, 70, 999, 1000}) {
    for (const int parts : {1, 3, 7, 10}) {
      int count = 0;
      for (int64_t i = 0; i < steps; ++i) {
        const double length = static_cast<double>(steps);
        count += crosses(1.0 / parts, static_cast<double>(i) / length,
                         static_cast<double>(i + 1) / length);
      }
      EXPECT_EQ(count, parts) << steps << " steps";
    }
  }
}

}  // namespace
}  // namespace composer
