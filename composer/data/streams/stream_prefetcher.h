#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "composer/data/broken_samples.h"
#include "composer/data/workers/worker_threads.h"

namespace composer {

/// Makes batches on a thread of its own before they are asked for, one after another: for what is
/// read in order, where OrderedPrefetcher's threads would be in each other's way. For one taker.
class StreamPrefetcher {
 public:
  struct Options {
    /// Batches that are made ahead.
    int64_t ahead = 1;
    /// Of an epoch, where that is known before its end is met.
    std::optional<int64_t> num_batches = std::nullopt;
    /// After an epoch's last batch goes on with the next epoch's first.
    bool next_epoch = true;
  };
  /// On the thread alone. Nothing is the end of an epoch. Must not throw, and returns soon, with
  /// any result, once `cancel` is true.
  using Make = std::function<std::optional<MadeBatch>(int64_t epoch, int64_t batch,
                                                      const std::atomic<bool>& cancel)>;

  /// Throws a std::system_error when the thread cannot be started.
  StreamPrefetcher(const Options& options, Make make);
  /// Ends at once, also while a batch is being made and while that waits for a read.
  ~StreamPrefetcher();

  /// The batch at a position. One that does not come next makes the thread begin anew, there. A
  /// wait for it is given up as `wait_interruptibly` says; the batch can be taken later.
  std::optional<MadeBatch> take(int64_t epoch, int64_t batch,
                                const std::function<bool()>& stop_waiting = nullptr);

 private:
  struct Position {
    int64_t epoch;
    int64_t batch;
    bool operator==(const Position&) const = default;
  };
  struct Item {
    Position position;
    std::optional<MadeBatch> made;
  };

  void work();
  void stop();
  std::optional<Position> next_of(const Item& item) const;

  const Options options_;
  const Make make_;

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable ready_;
  std::deque<Item> items_;
  // What the thread makes now or next.
  std::optional<Position> target_;
  // Rises when the thread shall begin anew: what it is at is not wanted.
  int64_t generation_ = 0;
  std::atomic<bool> cancel_ = false;
  bool stopping_ = false;

  // Last: ended before all that it uses.
  WorkerThreads thread_;
};

}  // namespace composer
