#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "composer/base/counter_random.h"
#include "composer/base/status.h"
#include "composer/data/samplers/alias_table.h"
#include "composer/data/samplers/materialized_sampler.h"
#include "composer/data/samplers/weighted_sampler.h"
#include "tests/data/chi_square.h"

namespace composer {
namespace {

using testing::chi_square_deviation;

std::vector<int64_t> epoch_of(const Sampler& sampler, int64_t epoch) {
  std::vector<int64_t> samples(sampler.size());
  sampler.order(epoch)->fill(0, absl::MakeSpan(samples));
  return samples;
}

std::vector<int64_t> sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<int64_t> range(int64_t count) {
  std::vector<int64_t> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

std::unique_ptr<Sampler> weighted(const std::vector<double>& weights,
                                  const WeightedSamplerOptions& options = {}) {
  auto sampler = make_weighted_sampler(weights, options);
  EXPECT_TRUE(sampler.ok()) << sampler.status();
  return *std::move(sampler);
}

// A part that starts anywhere is a part of the whole.
void expect_any_start(const Sampler& sampler) {
  const std::vector<int64_t> whole = epoch_of(sampler, 3);
  const auto order = sampler.order(3);
  for (int64_t start = 0; start <= sampler.size(); ++start) {
    std::vector<int64_t> part(std::min<int64_t>(7, sampler.size() - start));
    order->fill(start, absl::MakeSpan(part));
    ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + start)) << start;
  }
}

TEST(MaterializedSamplerTest, GivesEachSampleOnceAnEpoch) {
  for (const int64_t size : {0, 1, 2, 3, 10, 1000, 60000}) {
    const MaterializedSampler sampler(size, 17);
    EXPECT_EQ(sampler.size(), size);
    EXPECT_EQ(sorted(epoch_of(sampler, 0)), range(size));
    EXPECT_EQ(sorted(epoch_of(sampler, 1)), range(size));
  }
}

TEST(MaterializedSamplerTest, IsAFunctionOfSeedAndEpoch) {
  const MaterializedSampler sampler(1000, 17);
  const std::vector<int64_t> order = epoch_of(sampler, 3);
  EXPECT_EQ(order, epoch_of(MaterializedSampler(1000, 17), 3));
  EXPECT_NE(order, epoch_of(sampler, 4));
  EXPECT_NE(order, epoch_of(MaterializedSampler(1000, 18), 3));
  EXPECT_NE(epoch_of(MaterializedSampler(1000, 3), 17), order);
  expect_any_start(MaterializedSampler(100, 5));
}

TEST(MaterializedSamplerTest, RefusesPositionsThatAreNone) {
  std::vector<int64_t> out(2);
  EXPECT_DEATH(MaterializedSampler(10, 1).order(0)->fill(9, absl::MakeSpan(out)), "");
  EXPECT_DEATH(MaterializedSampler(10, 1).order(0)->fill(-1, absl::MakeSpan(out)), "");
}

TEST(MaterializedSamplerTest, GivesAllOrdersEquallyOften) {
  constexpr int64_t kTrials = 120000;
  std::map<std::vector<int64_t>, int64_t> seen;
  for (int64_t epoch = 0; epoch < kTrials; ++epoch)
    ++seen[epoch_of(MaterializedSampler(5, 1), epoch)];
  ASSERT_EQ(seen.size(), 120u);
  std::vector<int64_t> counts;
  for (const auto& [order, count] : seen) counts.push_back(count);
  EXPECT_LT(chi_square_deviation(counts, std::vector<double>(120, kTrials / 120.0)), 5);
}

TEST(MaterializedSamplerTest, PutsEverySampleEverywhereEquallyOften) {
  constexpr int64_t kSize = 64;
  constexpr int64_t kTrials = 200 * kSize;
  std::vector<int64_t> counts(kSize * kSize);
  for (int64_t seed = 0; seed < kTrials; ++seed) {
    const std::vector<int64_t> order = epoch_of(MaterializedSampler(kSize, seed), 0);
    for (int64_t i = 0; i < kSize; ++i) ++counts[i * kSize + order[i]];
  }
  // Rows and columns have fixed sums: fewer degrees of freedom than cells, so this is strict.
  const double deviation =
      chi_square_deviation(counts, std::vector<double>(counts.size(), kTrials / double{kSize}));
  EXPECT_LT(deviation, 5);
  EXPECT_GT(deviation, -8);
}

// Runs recorded with one version, on one machine, must resume with the next, on another. What
// tests/golden/data/samplers.py computes.
TEST(SamplersTest, StayTheSameForEver) {
  std::vector<double> few = {0.5, 1, 0, 2, 0.1, 3}, many;
  for (int64_t i = 0; i < 2000; ++i) many.push_back(static_cast<double>(i * 7919 % 1000) / 1000);
  const auto drawn = [](const std::vector<double>& weights, bool replacement, int64_t count) {
    return epoch_of(
        *weighted(weights, {.replacement = replacement, .num_samples = count, .seed = 17}), 4);
  };
  const std::map<std::string, std::vector<int64_t>> actual = {
      {"materialized.10", epoch_of(MaterializedSampler(10, 17), 0)},
      {"materialized.1000", epoch_of(MaterializedSampler(1000, 17), 5)},
      {"with.few", drawn(few, true, 20)},
      {"with.many", drawn(many, true, 3000)},
      {"without.few", drawn(few, false, 5)},
      {"without.many", drawn(many, false, 1500)},
  };
  std::ifstream golden("tests/golden/data/samplers.txt");
  size_t checked = 0;
  for (std::string line; std::getline(golden, line); ++checked) {
    std::istringstream numbers(line);
    std::string name;
    numbers >> name;
    const std::vector<int64_t> expected(std::istream_iterator<int64_t>(numbers), {});
    ASSERT_EQ(actual.count(name), 1u) << name;
    EXPECT_EQ(actual.at(name), expected) << name;
  }
  EXPECT_EQ(checked, actual.size());
}

TEST(AliasTableTest, DrawsByWeight) {
  const std::vector<std::vector<double>> cases = {
      {1},
      {1, 1, 1},
      {1, 2, 3, 4},
      {0, 5, 0, 1e-3, 0.5, 100, 0},
      {1e300, 3e300, 1e300},
      {1e-310, 3e-310, 0},
  };
  for (const std::vector<double>& weights : cases) {
    const AliasTable table(weights);
    constexpr int64_t kDraws = 200000;
    std::vector<int64_t> counts(weights.size());
    CounterRandom random(7);
    for (int64_t i = 0; i < kDraws; ++i) ++counts[table.draw(random)];
    const double largest = *std::max_element(weights.begin(), weights.end());
    double sum = 0;
    for (const double weight : weights) sum += weight / largest;
    std::vector<double> expected;
    for (const double weight : weights) expected.push_back(kDraws * (weight / largest) / sum);
    if (weights.size() == 1) {
      EXPECT_EQ(counts[0], kDraws);
    } else {
      EXPECT_LT(chi_square_deviation(counts, expected), 5);
    }
  }
}

TEST(AliasTableTest, DrawsByManyWeights) {
  constexpr int64_t kWeights = 1000;
  std::vector<double> weights;
  CounterRandom maker(1);
  for (int64_t i = 0; i < kWeights; ++i) weights.push_back(i % 10 == 0 ? 0 : maker.uniform());
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const AliasTable table(weights);
  constexpr int64_t kDraws = 2000000;
  std::vector<int64_t> counts(kWeights);
  CounterRandom random(2);
  for (int64_t i = 0; i < kDraws; ++i) ++counts[table.draw(random)];
  std::vector<double> expected;
  for (const double weight : weights) expected.push_back(kDraws * weight / sum);
  EXPECT_LT(chi_square_deviation(counts, expected), 5);
}

TEST(WeightedSamplerTest, DrawsEachPositionByWeightAndByItself) {
  const std::vector<double> weights = {3, 0, 1, 4, 2};
  const auto sampler = weighted(weights, {.num_samples = 100000, .seed = 5});
  EXPECT_EQ(sampler->size(), 100000);
  std::vector<int64_t> counts(5);
  std::vector<int64_t> pairs(25);
  const std::vector<int64_t> samples = epoch_of(*sampler, 2);
  for (size_t i = 0; i < samples.size(); ++i) {
    ++counts[samples[i]];
    if (i % 2 == 1) ++pairs[samples[i - 1] * 5 + samples[i]];
  }
  std::vector<double> expected, expected_pairs;
  for (const double weight : weights) {
    expected.push_back(weight / 10 * 100000);
    for (const double other : weights) expected_pairs.push_back(weight * other / 100 * 50000);
  }
  EXPECT_LT(chi_square_deviation(counts, expected), 5);
  EXPECT_LT(chi_square_deviation(pairs, expected_pairs), 5);
}

TEST(WeightedSamplerTest, IsAFunctionOfSeedEpochAndPosition) {
  const std::vector<double> weights(100, 1);
  for (const bool replacement : {true, false}) {
    const WeightedSamplerOptions options = {.replacement = replacement, .seed = 5};
    const auto sampler = weighted(weights, options);
    EXPECT_EQ(sampler->size(), 100);
    const std::vector<int64_t> samples = epoch_of(*sampler, 2);
    EXPECT_EQ(samples, epoch_of(*weighted(weights, options), 2));
    EXPECT_NE(samples, epoch_of(*sampler, 3));
    EXPECT_NE(samples, epoch_of(*weighted(weights, {.replacement = replacement, .seed = 6}), 2));
    expect_any_start(*sampler);
  }
  // With replacement, a shorter epoch is the start of a longer one, and length costs nothing.
  const auto longer = weighted(weights, {.num_samples = int64_t{1} << 60, .seed = 5});
  std::vector<int64_t> start(100);
  longer->order(2)->fill(0, absl::MakeSpan(start));
  EXPECT_EQ(start, epoch_of(*weighted(weights, {.seed = 5}), 2));
  longer->order(2)->fill((int64_t{1} << 60) - 100, absl::MakeSpan(start));
}

TEST(WeightedSamplerTest, RepeatsNothingWithoutReplacement) {
  CounterRandom random(3);
  for (int trial = 0; trial < 200; ++trial) {
    const int64_t size = 1 + random.below(50);
    std::vector<double> weights;
    std::set<int64_t> possible;
    for (int64_t i = 0; i < size; ++i) {
      weights.push_back(random.chance(0.3) ? 0 : std::pow(10, random.uniform(-320, 300)));
      if (weights.back() > 0) possible.insert(i);
    }
    if (possible.empty()) continue;
    const int64_t count = 1 + random.below(static_cast<int64_t>(possible.size()));
    const auto sampler =
        weighted(weights, {.replacement = false, .num_samples = count, .seed = random.next()});
    const std::vector<int64_t> samples = epoch_of(*sampler, trial);
    const std::set<int64_t> distinct(samples.begin(), samples.end());
    EXPECT_EQ(static_cast<int64_t>(distinct.size()), count);
    EXPECT_TRUE(std::includes(possible.begin(), possible.end(), distinct.begin(), distinct.end()));
  }
}

// Sequential draws from an urn: P(a, b, c) = w_a / W * w_b / (W - w_a) * w_c / (W - w_a - w_b).
TEST(WeightedSamplerTest, DrawsWithoutReplacementAsFromAnUrn) {
  const std::vector<double> weights = {1, 2, 0, 3, 10};
  constexpr int64_t kTrials = 200000;
  const auto sampler = weighted(weights, {.replacement = false, .num_samples = 3, .seed = 1});
  std::vector<int64_t> counts(125);
  for (int64_t epoch = 0; epoch < kTrials; ++epoch) {
    const std::vector<int64_t> drawn = epoch_of(*sampler, epoch);
    ++counts[drawn[0] * 25 + drawn[1] * 5 + drawn[2]];
  }
  std::vector<double> expected;
  for (int64_t a = 0; a < 5; ++a) {
    for (int64_t b = 0; b < 5; ++b) {
      for (int64_t c = 0; c < 5; ++c) {
        const bool distinct = a != b && b != c && a != c;
        expected.push_back(distinct ? kTrials * weights[a] / 16 * weights[b] / (16 - weights[a]) *
                                          weights[c] / (16 - weights[a] - weights[b])
                                    : 0);
      }
    }
  }
  EXPECT_LT(chi_square_deviation(counts, expected), 5);
}

TEST(WeightedSamplerTest, SaysWhatIsWrong) {
  const auto error = [](std::vector<double> weights, const WeightedSamplerOptions& options) {
    return make_weighted_sampler(std::move(weights), options).status();
  };
  EXPECT_EQ(field_of(error({}, {})), "weights");
  EXPECT_EQ(field_of(error({0, 0}, {})), "weights");
  EXPECT_EQ(error({1, -1}, {}).message(),
            "the weight of sample 1 is -1; expected a finite number, 0 or above");
  EXPECT_EQ(field_of(error({1, NAN}, {})), "weights");
  EXPECT_EQ(field_of(error({INFINITY}, {})), "weights");
  EXPECT_EQ(field_of(error({1}, {.num_samples = 0})), "num_samples");
  const absl::Status too_many = error({1, 0, 2}, {.replacement = false});
  EXPECT_EQ(field_of(too_many), "num_samples");
  EXPECT_TRUE(absl::StrContains(too_many.message(), "3 samples, but only 2 of the 3 weights"));
}

}  // namespace
}  // namespace composer
