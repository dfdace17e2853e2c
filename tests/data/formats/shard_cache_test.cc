#include "composer/data/formats/shard_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"

namespace composer {
namespace {

class ShardCacheTest : public testing::Test {
 protected:
  using Cache = ShardCache<int64_t>;

  int64_t get(Cache& cache, int64_t number) {
    const Cache::Result result = cache.get(
        number,
        [&]() -> Cache::Result {
          ++opened_;
          return std::make_shared<const int64_t>(number);
        },
        [](int64_t) { return 10; });
    return **result;
  }

  std::atomic<int> opened_ = 0;
};

TEST_F(ShardCacheTest, OpensOnceWhatItKeeps) {
  Cache cache(30, 100);
  for (int round = 0; round < 3; ++round) {
    for (const int64_t number : {1, 2, 3}) EXPECT_EQ(get(cache, number), number);
  }
  EXPECT_EQ(opened_, 3);
}

TEST_F(ShardCacheTest, DropsWhatWasUsedLongestAgo) {
  Cache cache(20, 100);
  for (const int64_t number : {1, 2, 1, 3, 1}) get(cache, number);
  EXPECT_EQ(opened_, 3);
  get(cache, 2);
  EXPECT_EQ(opened_, 4);
}

TEST_F(ShardCacheTest, KeepsTheLastOneWhateverItsSize) {
  Cache cache(1, 100);
  for (const int64_t number : {1, 1, 1}) get(cache, number);
  EXPECT_EQ(opened_, 1);
}

TEST_F(ShardCacheTest, KeepsNoMoreThanItsCount) {
  Cache cache(1000, 2);
  for (const int64_t number : {1, 2, 3, 2, 3}) get(cache, number);
  EXPECT_EQ(opened_, 3);
  get(cache, 1);
  EXPECT_EQ(opened_, 4);
}

TEST_F(ShardCacheTest, ForgetsAFailure) {
  Cache cache(100, 100);
  const auto bytes = [](int64_t) { return 10; };
  const auto fail = []() -> Cache::Result { return absl::DataLossError("damaged"); };
  EXPECT_EQ(cache.get(1, fail, bytes).status().message(), "damaged");
  EXPECT_EQ(get(cache, 1), 1);
}

TEST_F(ShardCacheTest, DoesNotWaitForAnotherShard) {
  Cache cache(100, 100);
  absl::Notification opening, release;
  std::thread slow([&] {
    (void)cache.get(
        1,
        [&]() -> Cache::Result {
          opening.Notify();
          release.WaitForNotification();
          return std::make_shared<const int64_t>(1);
        },
        [](int64_t) { return 10; });
  });
  opening.WaitForNotification();
  EXPECT_EQ(get(cache, 2), 2);
  release.Notify();
  slow.join();
}

TEST_F(ShardCacheTest, OpensOnceForAllThatWait) {
  Cache cache(100, 100);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { get(cache, 7); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened_, 1);
}

}  // namespace
}  // namespace composer
