#include "composer/data/workers/auto_workers.h"

#include <gtest/gtest.h>

namespace composer {
namespace {

TEST(AutoWorkersTest, TakesNoneForBatchesThatCostLessThanTheirHandover) {
  EXPECT_EQ(auto_workers(0., 16), 0);
  EXPECT_EQ(auto_workers(99e3, 16), 0);
}

TEST(AutoWorkersTest, TakesMoreForLargerBatchesUpToTheCores) {
  EXPECT_EQ(auto_workers(100e3, 16), 1);
  EXPECT_EQ(auto_workers(1.2e6, 16), 3);
  EXPECT_EQ(auto_workers(1.2e6, 2), 2);
  EXPECT_EQ(auto_workers(1e12, 16), 4);
  EXPECT_EQ(auto_workers(1e12, 1), 1);
}

TEST(AutoWorkersTest, TakesAllThatHelpWhereSizesTellNothing) {
  EXPECT_EQ(auto_workers(std::nullopt, 2), 2);
  EXPECT_EQ(auto_workers(std::nullopt, 64), 4);
  // Where hardware_concurrency knows nothing.
  EXPECT_EQ(auto_workers(std::nullopt, 0), 1);
}

}  // namespace
}  // namespace composer
