#include "composer/data/samplers/permutation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <vector>

namespace composer {
namespace {

std::vector<int64_t> all_of(const Permutation& order) {
  std::vector<int64_t> values(order.size());
  for (int64_t i = 0; i < order.size(); ++i) values[i] = order(i);
  return values;
}

void expect_bijection(int64_t size, uint64_t seed, int64_t epoch) {
  std::vector<bool> seen(size);
  const Permutation order(size, seed, epoch);
  for (int64_t i = 0; i < size; ++i) {
    const int64_t value = order(i);
    ASSERT_GE(value, 0);
    ASSERT_LT(value, size);
    ASSERT_FALSE(seen[value]) << value << " twice, size " << size;
    seen[value] = true;
  }
}

// The statistic over its degrees of freedom: about 1 for uniform counts.
double chi_square(const std::vector<int64_t>& counts, double expected, double freedom) {
  double sum = 0;
  for (const int64_t count : counts) {
    const double difference = static_cast<double>(count) - expected;
    sum += difference * difference / expected;
  }
  return sum / freedom;
}

TEST(PermutationTest, IsABijection) {
  for (int64_t size = 1; size <= 300; ++size) expect_bijection(size, 17, 0);
  for (const int64_t size : {1021, 4096, 4097, 10007, 60000, 65536, 65537, 100003}) {
    for (int64_t epoch = 0; epoch < 3; ++epoch) expect_bijection(size, 17, epoch);
  }
}

TEST(PermutationTest, OfNothingHasNoPosition) {
  const Permutation order(0, 1, 0);
  EXPECT_EQ(order.size(), 0);
  EXPECT_DEATH(order(0), "");
}

TEST(PermutationTest, RefusesAPositionOutOfRange) {
  const Permutation order(10, 1, 0);
  EXPECT_DEATH(order(10), "");
  EXPECT_DEATH(order(-1), "");
}

TEST(PermutationTest, IsAFunctionOfSeedAndEpoch) {
  const std::vector<int64_t> values = all_of(Permutation(60000, 17, 3));
  EXPECT_EQ(values, all_of(Permutation(60000, 17, 3)));
  for (const Permutation& other : {Permutation(60000, 17, 4), Permutation(60000, 18, 3),
                                   Permutation(60000, 3, 17), Permutation(60000, 0, 0)}) {
    int64_t equal = 0;
    for (int64_t i = 0; i < 60000; ++i) equal += values[i] == other(i) ? 1 : 0;
    // One place in two unrelated orders is the same, on average.
    EXPECT_LT(equal, 8);
  }
}

// Runs recorded with one version must resume with the next.
TEST(PermutationTest, StaysTheSameForEver) {
  EXPECT_EQ(all_of(Permutation(10, 17, 0)), (std::vector<int64_t>{5, 2, 9, 8, 3, 1, 7, 6, 4, 0}));
  const Permutation order(60000, 17, 5);
  EXPECT_EQ((std::vector<int64_t>{order(0), order(1), order(59999)}),
            (std::vector<int64_t>{57631, 17828, 11891}));
}

TEST(PermutationTest, PutsEverySampleEverywhereEquallyOften) {
  for (const int64_t size : {7, 16, 63, 64, 100, 257}) {
    const int64_t trials = 200 * size;
    std::vector<int64_t> counts(size * size);
    for (int64_t trial = 0; trial < trials; ++trial) {
      const Permutation order(size, 5, trial);
      for (int64_t i = 0; i < size; ++i) ++counts[i * size + order(i)];
    }
    const double freedom = static_cast<double>((size - 1) * (size - 1));
    const double statistic = chi_square(counts, static_cast<double>(trials) / size, freedom);
    EXPECT_NEAR(statistic, 1, 5 * std::sqrt(2 / freedom)) << size;
  }
}

TEST(PermutationTest, GivesAllOrdersOfAFewSamplesEquallyOften) {
  constexpr int64_t kTrials = 60000;
  std::map<std::vector<int64_t>, int64_t> seen;
  for (int64_t seed = 0; seed < kTrials; ++seed) ++seen[all_of(Permutation(5, seed, 0))];
  ASSERT_EQ(seen.size(), 120u);
  std::vector<int64_t> counts;
  for (const auto& [order, count] : seen) counts.push_back(count);
  EXPECT_LT(chi_square(counts, kTrials / 120.0, 119), 1.5);
}

TEST(PermutationTest, SeparatesNeighbours) {
  constexpr int64_t kSize = 60000;
  int64_t ascending = 0;
  int64_t successors = 0;
  double distance = 0;
  for (int64_t epoch = 0; epoch < 10; ++epoch) {
    const Permutation order(kSize, 17, epoch);
    for (int64_t i = 0; i + 1 < kSize; ++i) {
      const int64_t step = order(i + 1) - order(i);
      ascending += step > 0 ? 1 : 0;
      successors += step == 1 ? 1 : 0;
      distance += static_cast<double>(std::abs(step));
    }
  }
  const double pairs = 10.0 * (kSize - 1);
  EXPECT_NEAR(static_cast<double>(ascending) / pairs, 0.5, 0.003);
  EXPECT_NEAR(distance / pairs, kSize / 3.0, kSize * 0.002);
  // One in each epoch on average.
  EXPECT_LT(successors, 30);
}

TEST(PermutationTest, SpreadsOverTheLargestRange) {
  constexpr int64_t kSize = int64_t{1} << 62;
  const Permutation order(kSize, 17, 0);
  std::set<int64_t> values;
  double sum = 0;
  for (int64_t i = 0; i < 10000; ++i) {
    const int64_t value = order(i % 2 == 0 ? i : kSize - 1 - i);
    EXPECT_GE(value, 0);
    EXPECT_LT(value, kSize);
    values.insert(value);
    sum += static_cast<double>(value) / static_cast<double>(kSize);
  }
  EXPECT_EQ(values.size(), 10000u);
  EXPECT_NEAR(sum / 10000, 0.5, 0.015);
}

}  // namespace
}  // namespace composer
