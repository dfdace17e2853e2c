#include "composer/checkpoint/retention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/start_attempts.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"

namespace composer {
namespace {

using Names = std::vector<std::string>;

RetainedCheckpoint checkpoint(int64_t batch, std::map<std::string, double> metrics = {}) {
  return {.name = absl::StrCat("ba", batch), .time = {.batch = batch}, .metrics = metrics};
}

TEST(RetentionTest, KeepsTheLast) {
  const std::vector<RetainedCheckpoint> all = {checkpoint(1), checkpoint(2), checkpoint(3)};
  EXPECT_EQ(to_delete(all, {}), Names());
  EXPECT_EQ(to_delete(all, {.keep_last = 2}), Names({"ba1"}));
  EXPECT_EQ(to_delete(all, {.keep_last = 5}), Names());
  EXPECT_EQ(to_delete(all, {.keep_last = 0}), Names({"ba1", "ba2"}));
  EXPECT_EQ(to_delete({}, {.keep_last = 1}), Names());
}

TEST(RetentionTest, KeepsTheBestAndOfEqualOnesTheNewer) {
  const std::vector<RetainedCheckpoint> all = {checkpoint(1, {{"acc", 0.9}}),
                                               checkpoint(2, {{"acc", 0.5}}),
                                               checkpoint(3, {{"acc", 0.9}}),
                                               checkpoint(4, {{"acc", NAN}}),
                                               checkpoint(5),
                                               checkpoint(6, {{"acc", 0.1}})};
  EXPECT_EQ(to_delete(all, {.keep_last = 1, .keep_best = {{.metric = "acc"}}}),
            Names({"ba1", "ba2", "ba4", "ba5"}));
  EXPECT_EQ(to_delete(all, {.keep_last = 1, .keep_best = {{.metric = "acc", .keep = 2}}}),
            Names({"ba2", "ba4", "ba5"}));
  EXPECT_EQ(to_delete(all, {.keep_last = 1,
                            .keep_best = {{.metric = "acc", .lower_is_better = true, .keep = 2}}}),
            Names({"ba1", "ba3", "ba4", "ba5"}));
}

TEST(RetentionTest, KeepsTheFirstAtOrAfterEveryMilestone) {
  std::vector<RetainedCheckpoint> all;
  for (const int batch : {40, 95, 105, 112, 200, 260, 410, 420}) all.push_back(checkpoint(batch));
  EXPECT_EQ(to_delete(all, {.keep_last = 1, .milestones = {Time::batches(100)}}),
            Names({"ba40", "ba95", "ba112", "ba260"}));
  EXPECT_EQ(to_delete(all, {.keep_last = 1, .pinned = {"ba95", "ba999"}}),
            Names({"ba40", "ba105", "ba112", "ba200", "ba260", "ba410"}));
}

TEST(RetentionTest, WhatIsNotGoodNeitherCountsNorIsDeleted) {
  std::vector<RetainedCheckpoint> all = {checkpoint(1), checkpoint(2), checkpoint(3)};
  all[2].good = false;
  EXPECT_EQ(to_delete(all, {.keep_last = 1}), Names({"ba1"}));
  all[1].good = false;
  EXPECT_EQ(to_delete(all, {.keep_last = 1}), Names());
}

TEST(RetentionTest, HoldsItsPromisesForAnyCheckpoints) {
  std::mt19937_64 random(1);
  const auto below = [&](uint64_t bound) { return static_cast<int>(random() % bound); };
  for (int repetition = 0; repetition < 2000; ++repetition) {
    RetentionPolicy policy{.keep_last = below(5) - 1};
    if (below(2)) {
      policy.keep_best = {{.metric = "m", .lower_is_better = below(2) == 0, .keep = below(4)}};
    }
    if (below(2)) policy.milestones = {Time::batches(1 + below(50))};
    std::vector<RetainedCheckpoint> all;
    std::set<std::string> pinned_once;
    int64_t batch = 0;
    for (int save = 0; save < 20; ++save) {
      batch += 1 + below(30);
      all.push_back(checkpoint(batch));
      if (below(3)) all.back().metrics["m"] = below(5);
      all.back().good = below(6) != 0;
      if (below(9) == 0) policy.pinned.push_back(all.back().name);
      const Names deleted = to_delete(all, policy);
      const std::set<std::string> gone(deleted.begin(), deleted.end());
      ASSERT_EQ(gone.size(), deleted.size());
      const auto newest_good =
          std::find_if(all.rbegin(), all.rend(), [](const auto& one) { return one.good; });
      if (newest_good != all.rend()) {
        EXPECT_EQ(gone.count(newest_good->name), 0u);
      }
      for (const std::string& name : policy.pinned) EXPECT_EQ(gone.count(name), 0u);
      for (const auto& one : all) EXPECT_TRUE(one.good || gone.count(one.name) == 0);
      // The best of all that are there stays, and so does a milestone for good.
      double best = -1e9;
      for (const auto& one : all) {
        for (const RetentionPolicy::Best& rule : policy.keep_best) {
          const auto value = one.metrics.find("m");
          if (rule.keep == 0 || !one.good || value == one.metrics.end()) continue;
          best = std::max(best, rule.lower_is_better ? -value->second : value->second);
        }
      }
      all.erase(std::remove_if(all.begin(), all.end(),
                               [&](const auto& one) { return gone.count(one.name) != 0; }),
                all.end());
      if (best > -1e9) {
        EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& one) {
          const auto value = one.metrics.find("m");
          const double sign = policy.keep_best[0].lower_is_better ? -1 : 1;
          return one.good && value != one.metrics.end() && sign * value->second == best;
        }));
      }
      EXPECT_EQ(to_delete(all, policy), Names()) << "what stayed once does not stay again";
    }
  }
}

TEST(RetentionTest, DeletesInTheFolder) {
  const std::string parent = fresh_folder();
  for (const int batch : {9, 10, 11, 12}) {
    ASSERT_TRUE(save_sample(parent, absl::StrCat("ba", batch), batch, batch).ok());
  }
  write_whole_file(parent + "/ba11/model.safetensors", "short");
  ASSERT_TRUE(note_start(parent + "/ba9").ok());
  const auto deleted = apply_retention(parent, {.keep_last = 1});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(*deleted, Names({"ba9", "ba10"}));
  EXPECT_EQ(names_in(parent), std::set<std::string>({"ba11", "ba12", "latest"}));
}

}  // namespace
}  // namespace composer
