#include "composer/base/random.h"

#include <gtest/gtest.h>

#include <bitset>
#include <set>

namespace composer {
namespace {

// The first two numbers that SplitMix64 gives from seed 0.
TEST(Mix, IsSplitMix64) {
  EXPECT_EQ(mix(0), 0xe220a8397b1dcdafu);
  EXPECT_EQ(mix(0x9e3779b97f4a7c15u), 0x6e789e6aa1b965f4u);
}

TEST(MixSeed, DependsOnEveryPartAndOnTheirOrder) {
  std::set<uint64_t> seeds;
  for (uint64_t a = 0; a < 30; ++a) {
    for (uint64_t b = 0; b < 30; ++b) {
      for (uint64_t c = 0; c < 30; ++c) seeds.insert(mix_seed({a, b, c}));
    }
  }
  EXPECT_EQ(seeds.size(), 27000u);
  EXPECT_NE(mix_seed({1, 2}), mix_seed({2, 1}));
  EXPECT_NE(mix_seed({1}), mix_seed({1, 0}));
}

TEST(MixSeed, ChangesHalfOfTheBitsWithOneBitOfAPart) {
  int changed = 0;
  for (int bit = 0; bit < 64; ++bit) {
    changed += static_cast<int>(
        std::bitset<64>(mix_seed({17, 5}) ^ mix_seed({17, 5 ^ (uint64_t{1} << bit)})).count());
  }
  EXPECT_NEAR(changed / 64.0, 32, 2);
}

TEST(HashName, IsFnv1a) {
  EXPECT_EQ(hash_name(""), 0xcbf29ce484222325u);
  EXPECT_EQ(hash_name("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(hash_name("foobar"), 0x85944171f73967e8u);
}

}  // namespace
}  // namespace composer
