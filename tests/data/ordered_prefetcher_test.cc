#include "composer/data/workers/ordered_prefetcher.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <system_error>

#include "tests/data/threads.h"

namespace composer {
namespace {

using Prefetcher = OrderedPrefetcher<std::unique_ptr<int64_t>>;

constexpr int64_t kNoEnd = int64_t{1} << 60;

void sleep_ms(int64_t milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

// Makes a position's square, and counts how often.
class Squares {
 public:
  Prefetcher::Make make() {
    return [this](int64_t position, const std::atomic<bool>&) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++made_[position];
      }
      return std::make_unique<int64_t>(position * position);
    };
  }

  int times(int64_t position) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return made_[position];
  }

  // Whether the positions up to `last` have been made within ten seconds, and none above it.
  bool stops_at(int64_t last) {
    for (int i = 0; i < 10000; ++i) {
      if (times(last) > 0) break;
      sleep_ms(1);
    }
    sleep_ms(20);
    const std::lock_guard<std::mutex> lock(mutex_);
    return made_[last] > 0 && made_.rbegin()->first == last;
  }

 private:
  std::mutex mutex_;
  std::map<int64_t, int> made_;
};

TEST(OrderedPrefetcherTest, GivesValuesInOrderOnAnyNumberOfThreads) {
  for (const int threads : {1, 2, 5}) {
    for (const int64_t ahead : {1, 2, 7}) {
      Squares squares;
      Prefetcher prefetcher({.threads = threads, .ahead = ahead}, squares.make());
      for (int64_t i = 0; i < 500; ++i) ASSERT_EQ(*prefetcher.take(i, kNoEnd), i * i);
      for (int64_t i = 0; i < 500; ++i) EXPECT_EQ(squares.times(i), 1) << i;
    }
  }
}

TEST(OrderedPrefetcherTest, GivesASlowValueInItsPlace) {
  const auto make = [](int64_t position, const std::atomic<bool>&) {
    if (position % 7 == 3) sleep_ms(5);
    return std::make_unique<int64_t>(position);
  };
  Prefetcher prefetcher({.threads = 3, .ahead = 4}, make);
  for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(*prefetcher.take(i, kNoEnd), i);
}

TEST(OrderedPrefetcherTest, MakesNoMoreThanItsWindow) {
  Squares squares;
  Prefetcher prefetcher({.threads = 2, .ahead = 3}, squares.make());
  EXPECT_EQ(*prefetcher.take(10, kNoEnd), 100);
  EXPECT_TRUE(squares.stops_at(13));
  EXPECT_EQ(*prefetcher.take(11, kNoEnd), 121);
  EXPECT_TRUE(squares.stops_at(14));
}

TEST(OrderedPrefetcherTest, MakesNothingFromTheEndOn) {
  Squares squares;
  Prefetcher prefetcher({.threads = 2, .ahead = 5}, squares.make());
  EXPECT_EQ(*prefetcher.take(0, 3), 0);
  EXPECT_TRUE(squares.stops_at(2));
  EXPECT_EQ(*prefetcher.take(1, 3), 1);
  EXPECT_EQ(*prefetcher.take(2, 3), 4);
  EXPECT_EQ(*prefetcher.take(3, 6), 9);
  EXPECT_TRUE(squares.stops_at(5));
}

TEST(OrderedPrefetcherTest, KeepsWhatLiesInBothWindowsOverAJump) {
  Squares squares;
  Prefetcher prefetcher({.threads = 2, .ahead = 4}, squares.make());
  EXPECT_EQ(*prefetcher.take(0, kNoEnd), 0);
  EXPECT_TRUE(squares.stops_at(4));
  // Back to the one that was taken, then over two that were not.
  EXPECT_EQ(*prefetcher.take(0, kNoEnd), 0);
  EXPECT_EQ(*prefetcher.take(3, kNoEnd), 9);
  EXPECT_TRUE(squares.stops_at(7));
  EXPECT_EQ(squares.times(0), 2);
  for (int64_t i = 1; i < 8; ++i) EXPECT_EQ(squares.times(i), 1) << i;
}

TEST(OrderedPrefetcherTest, JumpsAnywhereWhileValuesAreBeingMade) {
  const auto make = [](int64_t position, const std::atomic<bool>&) {
    if (position % 3 == 0) std::this_thread::yield();
    return std::make_unique<int64_t>(position);
  };
  for (const int threads : {1, 3}) {
    Prefetcher prefetcher({.threads = threads, .ahead = 4}, make);
    uint64_t random = 1;
    for (int i = 0; i < 3000; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      const int64_t start = static_cast<int64_t>(random >> 60);
      for (int64_t j = start; j < start + static_cast<int64_t>(random >> 40 & 3); ++j) {
        ASSERT_EQ(*prefetcher.take(j, 16), j);
      }
    }
  }
}

TEST(OrderedPrefetcherTest, GoesOnWithoutTheThreadThatIsBusyWithSomethingUnwanted) {
  std::atomic<bool> let_go = false;
  const auto make = [&](int64_t position, const std::atomic<bool>&) {
    while (position == 1 && !let_go) sleep_ms(1);
    return std::make_unique<int64_t>(position);
  };
  Prefetcher prefetcher({.threads = 1, .ahead = 1}, make);
  EXPECT_EQ(*prefetcher.take(0, kNoEnd), 0);
  for (int64_t i = 100; i < 110; ++i) EXPECT_EQ(*prefetcher.take(i, kNoEnd), i);
  let_go = true;
  for (int64_t i = 110; i < 120; ++i) EXPECT_EQ(*prefetcher.take(i, kNoEnd), i);
}

TEST(OrderedPrefetcherTest, EndsAtAnyMoment) {
  const int before = settled_threads();
  for (int i = 0; i < 100; ++i) {
    Squares squares;
    Prefetcher prefetcher({.threads = i % 4 + 1, .ahead = i % 5 + 1}, squares.make());
    for (int64_t j = 0; j < i % 3; ++j) prefetcher.take(j, kNoEnd);
    if (i % 10 == 0) sleep_ms(2);
  }
  EXPECT_TRUE(threads_become(before));
}

TEST(OrderedPrefetcherTest, EndsWhileItsThreadsWaitForARead) {
  const int before = settled_threads();
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  std::atomic<int> waiting = 0, interrupted = 0;
  const auto make = [&](int64_t position, const std::atomic<bool>&) {
    char byte;
    if (position > 0) {
      ++waiting;
      if (read(pipe_ends[0], &byte, 1) < 0 && errno == EINTR) ++interrupted;
    }
    return std::make_unique<int64_t>(position);
  };
  {
    Prefetcher prefetcher({.threads = 2, .ahead = 4}, make);
    EXPECT_EQ(*prefetcher.take(0, kNoEnd), 0);
    while (waiting < 2) sleep_ms(1);
  }
  EXPECT_EQ(interrupted, 2);
  EXPECT_TRUE(threads_become(before));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST(OrderedPrefetcherTest, TellsWhatIsBeingMadeThatItEnds) {
  std::atomic<bool> seen = false, begun = false;
  const auto make = [&](int64_t position, const std::atomic<bool>& stopping) {
    while (position > 0 && !stopping) {
      begun = true;
      sleep_ms(1);
    }
    if (position > 0) seen = true;
    return std::make_unique<int64_t>(position);
  };
  {
    Prefetcher prefetcher({.threads = 1, .ahead = 1}, make);
    prefetcher.take(0, kNoEnd);
    while (!begun) sleep_ms(1);
  }
  EXPECT_TRUE(seen);
}

TEST(OrderedPrefetcherTest, BlocksTheProgramsSignalsOnItsThreads) {
  std::atomic<int> blocked = 0;
  const auto check = [&] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    if (sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGALRM) == 1 &&
        sigismember(&mask, SIGSEGV) == 0) {
      ++blocked;
    }
  };
  Squares squares;
  {
    Prefetcher prefetcher({.threads = 2, .ahead = 1}, squares.make(), check);
    while (blocked < 2) sleep_ms(1);
  }
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGINT), 0);
}

TEST(OrderedPrefetcherTest, ThrowsWhenAThreadCannotBeStarted) {
  const int before = settled_threads();
  pthread_attr_t usual, huge;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  ASSERT_EQ(pthread_attr_init(&huge), 0);
  // A stack that fits into no address space.
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 50), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  Squares squares;
  EXPECT_THROW(Prefetcher({.threads = 2, .ahead = 1}, squares.make()), std::system_error);
  ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&usual);
  EXPECT_TRUE(threads_become(before));
}

}  // namespace
}  // namespace composer
