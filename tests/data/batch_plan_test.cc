#include "composer/data/batch_plan.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "composer/base/status.h"
#include "composer/data/samplers/sequential_sampler.h"

namespace composer {
namespace {

using Batches = std::vector<std::vector<int64_t>>;

Batches batches_of(int64_t size, const BatchPlan::Options& options) {
  const auto plan = BatchPlan::create(size, "numbers", options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  if (!plan.ok()) return {};
  const auto order = SequentialSampler(size).order(0);
  Batches batches;
  for (int64_t i = 0; i < plan->num_batches(); ++i) batches.push_back(plan->samples(*order, i));
  return batches;
}

absl::Status error(int64_t size, const BatchPlan::Options& options) {
  return BatchPlan::create(size, "numbers", options).status();
}

TEST(BatchPlanTest, LeavesTheLastBatchShortDropsItOrFillsIt) {
  EXPECT_EQ(batches_of(7, {.batch_size = 3}), (Batches{{0, 1, 2}, {3, 4, 5}, {6}}));
  EXPECT_EQ(batches_of(7, {.batch_size = 3, .drop_last = true}), (Batches{{0, 1, 2}, {3, 4, 5}}));
  EXPECT_EQ(batches_of(7, {.batch_size = 3, .pad_last = true}),
            (Batches{{0, 1, 2}, {3, 4, 5}, {6, 0, 1}}));
  for (const bool flag : {false, true}) {
    EXPECT_EQ(batches_of(6, {.batch_size = 3, .drop_last = flag}), (Batches{{0, 1, 2}, {3, 4, 5}}));
    EXPECT_EQ(batches_of(6, {.batch_size = 3, .pad_last = flag}), (Batches{{0, 1, 2}, {3, 4, 5}}));
  }
}

TEST(BatchPlanTest, GivesEveryRankAsManyWhenItFillsTheLastBatch) {
  const auto of_rank = [](int64_t rank) {
    return batches_of(9, {.batch_size = 8, .pad_last = true, .rank = rank, .world_size = 4});
  };
  EXPECT_EQ(of_rank(0), (Batches{{0, 1}, {8, 0}}));
  EXPECT_EQ(of_rank(1), (Batches{{2, 3}, {1, 2}}));
  EXPECT_EQ(of_rank(3), (Batches{{6, 7}, {5, 6}}));
}

TEST(BatchPlanTest, SplitsAShortBatchToo) {
  const auto of_rank = [](int64_t rank) {
    return batches_of(11, {.batch_size = 8, .rank = rank, .world_size = 2});
  };
  EXPECT_EQ(of_rank(0), (Batches{{0, 1, 2, 3}, {8}}));
  EXPECT_EQ(of_rank(1), (Batches{{4, 5, 6, 7}, {9, 10}}));
}

TEST(BatchPlanTest, StopsAtASubset) {
  EXPECT_EQ(batches_of(7, {.batch_size = 3, .subset_num_batches = 1}), (Batches{{0, 1, 2}}));
  EXPECT_EQ(batches_of(7, {.batch_size = 3, .subset_num_batches = 5}).size(), 3u);
}

TEST(BatchPlanTest, NamesTheOptionsThatContradictEachOther) {
  EXPECT_EQ(field_of(error(7, {.batch_size = 3, .drop_last = true, .pad_last = true})), "pad_last");
  const absl::Status uneven = error(70, {.batch_size = 5, .pad_last = true, .world_size = 2});
  EXPECT_EQ(field_of(uneven), "batch_size");
  EXPECT_TRUE(absl::StrContains(uneven.message(), "cannot be divided among 2 ranks")) << uneven;
  EXPECT_EQ(error(10, {.batch_size = 9, .world_size = 3}).message(),
            "the last batch of an epoch has 1 samples (numbers has 10, batch_size is 9), too few "
            "for 3 ranks; set drop_last or pad_last");
  EXPECT_TRUE(error(10, {.batch_size = 9, .pad_last = true, .world_size = 3}).ok());
  EXPECT_EQ(error(2, {.batch_size = 3, .pad_last = true}).message(),
            "batch_size 3 is larger than the dataset: numbers has 2 samples");
}

}  // namespace
}  // namespace composer
