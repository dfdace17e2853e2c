#include "composer/data/samplers/mixture_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "absl/strings/match.h"
#include "composer/base/counter_random.h"
#include "composer/base/status.h"
#include "composer/data/samplers/even_spread.h"

namespace composer {
namespace {

using Stop = MixtureSamplerOptions::Stop;
using Part = MixtureSampler::Part;

std::vector<int64_t> parts_of(const std::vector<int64_t>& weights, int64_t positions) {
  const EvenSpread spread(weights);
  std::vector<int64_t> parts;
  for (int64_t p = 0; p < positions; ++p) parts.push_back(spread.locate(p).part);
  return parts;
}

TEST(EvenSpreadTest, DealsInTurn) {
  EXPECT_EQ(parts_of({1}, 4), (std::vector<int64_t>{0, 0, 0, 0}));
  EXPECT_EQ(parts_of({1, 1}, 6), (std::vector<int64_t>{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(parts_of({1, 3}, 8), (std::vector<int64_t>{1, 0, 1, 1, 1, 0, 1, 1}));
  EXPECT_EQ(parts_of({1, 1, 1, 1}, 8), (std::vector<int64_t>{0, 2, 1, 3, 0, 2, 1, 3}));
}

TEST(EvenSpreadTest, CountsWhatItDeals) {
  CounterRandom random(1);
  for (int trial = 0; trial < 100; ++trial) {
    std::vector<int64_t> weights;
    const int64_t parts = 1 + random.below(9);
    for (int64_t i = 0; i < parts; ++i) {
      weights.push_back(1 + random.below(random.chance(0.5) ? 10 : int64_t{1} << 57));
    }
    const EvenSpread spread(weights);
    std::vector<int64_t> counts(parts);
    for (int64_t p = 0; p < 300; ++p) {
      for (int64_t i = 0; i < parts; ++i) ASSERT_EQ(spread.count(i, p), counts[i]);
      const EvenSpread::Place place = spread.locate(p);
      EXPECT_EQ(place.number, counts[place.part]);
      ++counts[place.part];
    }
  }
}

TEST(EvenSpreadTest, StaysNearEachShareAtAnyPosition) {
  CounterRandom random(2);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<int64_t> weights;
    const int64_t parts = 1 + random.below(16);
    for (int64_t i = 0; i < parts; ++i) weights.push_back(1 + random.below(1000));
    const int64_t sum = std::accumulate(weights.begin(), weights.end(), int64_t{0});
    const EvenSpread spread(weights);
    const double bound = std::max(0.5, std::ceil(std::log2(parts)) / 2 + 1e-6);
    for (int64_t p = 0; p < 2000; p += 1 + random.below(5)) {
      for (int64_t i = 0; i < parts; ++i) {
        const double share = static_cast<double>(p) * weights[i] / sum;
        EXPECT_LE(std::abs(spread.count(i, p) - share), bound);
      }
    }
    // After a whole round, exactly.
    for (int64_t i = 0; i < parts; ++i) EXPECT_EQ(spread.count(i, 7 * sum), 7 * weights[i]);
  }
}

TEST(EvenSpreadTest, CountsToTheEnd) {
  const EvenSpread spread(std::vector<int64_t>{int64_t{1} << 60, int64_t{1} << 60});
  EXPECT_EQ(spread.count(0, int64_t{1} << 62), int64_t{1} << 61);
  EXPECT_EQ(spread.locate((int64_t{1} << 62) - 1).number, (int64_t{1} << 61) - 1);
  const EvenSpread odd(std::vector<int64_t>{(int64_t{1} << 60) - 1, int64_t{1} << 60});
  EXPECT_EQ(odd.count(0, int64_t{1} << 62) + odd.count(1, int64_t{1} << 62), int64_t{1} << 62);
}

std::unique_ptr<MixtureSampler> make(const std::vector<Part>& parts,
                                     const MixtureSamplerOptions& options = {}) {
  auto sampler = MixtureSampler::create(parts, options);
  EXPECT_TRUE(sampler.ok()) << sampler.status();
  return *std::move(sampler);
}

std::vector<int64_t> epoch_of(const Sampler& sampler, int64_t epoch) {
  std::vector<int64_t> samples(sampler.size());
  sampler.order(epoch)->fill(0, absl::MakeSpan(samples));
  return samples;
}

TEST(MixtureSamplerTest, GivesEverySampleOnceWhenProportionsAreSizes) {
  for (const Stop stop : {Stop::kFirstExhausted, Stop::kLastExhausted}) {
    const auto sampler = make({{100, 100}, {1, 1}, {37, 37}}, {.stop = stop, .seed = 3});
    EXPECT_EQ(sampler->size(), 138);
    std::vector<int64_t> samples = epoch_of(*sampler, 2);
    std::sort(samples.begin(), samples.end());
    std::vector<int64_t> all(138);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(samples, all);
  }
}

TEST(MixtureSamplerTest, EndsBeforeASampleRepeats) {
  CounterRandom random(5);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Part> parts;
    for (int64_t i = 1 + random.below(6); i > 0; --i) {
      parts.push_back({1 + random.below(50), random.uniform(0.1, 10)});
    }
    const auto sampler = make(parts, {.seed = random.next()});
    const std::vector<int64_t> samples = epoch_of(*sampler, trial);
    const std::set<int64_t> distinct(samples.begin(), samples.end());
    EXPECT_EQ(distinct.size(), samples.size());
    // The next one would.
    std::vector<int64_t> next(1);
    sampler->order(trial)->fill(sampler->size(), absl::MakeSpan(next));
    EXPECT_GE(sampler->size(), 1);
    std::vector<int64_t> counts(parts.size());
    std::vector<int64_t> starts = {0};
    for (const Part& part : parts) starts.push_back(starts.back() + part.size);
    const auto part_of = [&](int64_t sample) {
      return std::upper_bound(starts.begin(), starts.end(), sample) - starts.begin() - 1;
    };
    for (const int64_t sample : samples) ++counts[part_of(sample)];
    EXPECT_EQ(counts[part_of(next[0])], parts[part_of(next[0])].size);
  }
}

TEST(MixtureSamplerTest, GoesOnUntilEverySampleHasCome) {
  CounterRandom random(6);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Part> parts;
    for (int64_t i = 1 + random.below(6); i > 0; --i) {
      parts.push_back({1 + random.below(50), random.uniform(0.1, 10)});
    }
    const auto sampler = make(parts, {.stop = Stop::kLastExhausted, .seed = random.next()});
    const std::vector<int64_t> samples = epoch_of(*sampler, trial);
    int64_t all = 0;
    std::vector<int64_t> starts = {0};
    for (const Part& part : parts) starts.push_back(all += part.size);
    EXPECT_EQ(static_cast<int64_t>(std::set<int64_t>(samples.begin(), samples.end()).size()), all);
    // One less is not enough.
    EXPECT_EQ(static_cast<int64_t>(std::set<int64_t>(samples.begin(), samples.end() - 1).size()),
              all - 1);
    // Each pass over a part has all of it before the next begins.
    for (size_t i = 0; i < parts.size(); ++i) {
      std::vector<int64_t> own;
      for (const int64_t sample : samples) {
        if (sample >= starts[i] && sample < starts[i + 1]) own.push_back(sample);
      }
      for (size_t from = 0; from + parts[i].size <= own.size(); from += parts[i].size) {
        const auto begin = own.begin() + from;
        EXPECT_EQ(std::set<int64_t>(begin, begin + parts[i].size).size(),
                  static_cast<size_t>(parts[i].size));
      }
    }
  }
}

TEST(MixtureSamplerTest, MixesInTheProportionsAsked) {
  const auto sampler = make({{1000, 0.7}, {1000, 0.2}, {1000, 0.1}});
  EXPECT_EQ(sampler->size(), 1429);  // 1000 / 0.7, and one of another part
  const std::vector<int64_t> samples = epoch_of(*sampler, 0);
  for (size_t from = 0; from + 100 <= samples.size(); from += 100) {
    std::vector<int64_t> counts(3);
    for (size_t i = from; i < from + 100; ++i) ++counts[samples[i] / 1000];
    EXPECT_NEAR(counts[0], 70, 1);
    EXPECT_NEAR(counts[1], 20, 1);
    EXPECT_NEAR(counts[2], 10, 1);
  }
  EXPECT_EQ(make({{10, 1}, {20, 2}, {30, 3}})->size(), 60);
  EXPECT_EQ(make({{10, 1e-9}, {20, 2e-9}})->size(), 30);
  EXPECT_EQ(make({{10, 1e300}, {20, 1e300}})->size(), 20);
  EXPECT_EQ(make({{10, 1}, {20, 1}}, {.stop = Stop::kLastExhausted})->size(), 40);
}

TEST(MixtureSamplerTest, OrdersEachPartAndEachPassByItself) {
  const std::vector<Part> parts = {{50, 1}, {50, 1}, {10, 1}};
  const MixtureSamplerOptions options = {.stop = Stop::kLastExhausted, .seed = 5};
  const auto sampler = make(parts, options);
  // The third part's fiftieth would be the next one.
  ASSERT_EQ(sampler->size(), 149);
  std::vector<std::vector<int64_t>> own(3);
  for (const int64_t sample : epoch_of(*sampler, 4)) {
    const int64_t part = std::min<int64_t>(sample / 50, 2);
    own[part].push_back(sample - part * 50);
  }
  ASSERT_EQ(own[2].size(), 49u);
  EXPECT_NE(own[0], own[1]);
  std::set<std::vector<int64_t>> passes;
  for (int64_t from = 0; from < 40; from += 10) {
    passes.insert(std::vector<int64_t>(own[2].begin() + from, own[2].begin() + from + 10));
  }
  EXPECT_EQ(passes.size(), 4u);

  EXPECT_EQ(epoch_of(*make(parts, options), 4), epoch_of(*sampler, 4));
  EXPECT_NE(epoch_of(*sampler, 5), epoch_of(*sampler, 4));
  EXPECT_NE(epoch_of(*make(parts, {.stop = Stop::kLastExhausted, .seed = 6}), 4),
            epoch_of(*sampler, 4));
}

TEST(MixtureSamplerTest, GoesThroughEachPartInOrderWithoutShuffling) {
  const auto sampler = make({{4, 2}, {2, 1}}, {.shuffle = false});
  EXPECT_EQ(epoch_of(*sampler, 0), epoch_of(*sampler, 9));
  EXPECT_EQ(epoch_of(*sampler, 0), (std::vector<int64_t>{0, 4, 1, 2, 5, 3}));
}

TEST(MixtureSamplerTest, StartsAnywhere) {
  const auto sampler = make({{7, 1}, {20, 3}, {3, 5}}, {.stop = Stop::kLastExhausted, .seed = 5});
  const std::vector<int64_t> whole = epoch_of(*sampler, 1);
  const auto order = sampler->order(1);
  for (int64_t start = 0; start <= sampler->size(); ++start) {
    std::vector<int64_t> part(std::min<int64_t>(13, sampler->size() - start));
    order->fill(start, absl::MakeSpan(part));
    ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + start)) << start;
  }
}

TEST(MixtureSamplerTest, SaysWhatIsWrong) {
  const auto error = [](const std::vector<Part>& parts, Stop stop) {
    return MixtureSampler::create(parts, {.stop = stop}).status();
  };
  EXPECT_EQ(field_of(error({}, Stop::kFirstExhausted)), "parts");
  EXPECT_EQ(field_of(error({{1, 1}, {0, 1}}, Stop::kFirstExhausted)), "parts[1].dataset");
  EXPECT_EQ(field_of(error({{1, 0}}, Stop::kFirstExhausted)), "parts[0].proportion");
  EXPECT_EQ(field_of(error({{1, -1}}, Stop::kFirstExhausted)), "parts[0].proportion");
  EXPECT_EQ(field_of(error({{1, NAN}}, Stop::kFirstExhausted)), "parts[0].proportion");
  EXPECT_EQ(field_of(error({{1, INFINITY}}, Stop::kFirstExhausted)), "parts[0].proportion");
  EXPECT_EQ(field_of(error({{1, 1}, {1, 1e-30}}, Stop::kFirstExhausted)), "parts[1].proportion");
  EXPECT_EQ(field_of(error({{1, 1}, {1000000, 1e-15}}, Stop::kLastExhausted)), "parts");
  EXPECT_EQ(field_of(error({{int64_t{1} << 62, 1}, {1, 1}}, Stop::kFirstExhausted)),
            "parts[1].dataset");
}

}  // namespace
}  // namespace composer
