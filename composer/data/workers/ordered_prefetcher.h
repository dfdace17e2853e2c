#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "composer/data/workers/interruptible_wait.h"
#include "composer/data/workers/worker_threads.h"

namespace composer {

/// Makes values on worker threads before they are asked for, and gives them in order. A value is a
/// function of its position alone; which thread makes it shows nowhere. For one taker.
///
/// A window of positions is kept: those behind the one that was last taken, at most `ahead`. Taking
/// the next position moves it by one; taking another moves it there, where values that lie in both
/// windows stay. What a worker is busy with and is no longer wanted is dropped when it is done.
template <typename Value>
class OrderedPrefetcher {
 public:
  struct Options {
    int threads = 1;
    /// Values that are made ahead, over all threads.
    int64_t ahead = 1;
  };
  /// Several threads at once, the taker's among them. Must not throw, and returns soon, with any
  /// value, once `stopping` is true.
  using Make = std::function<Value(int64_t position, const std::atomic<bool>& stopping)>;

  /// `on_start` runs first on every thread. Throws a std::system_error when one cannot be started.
  OrderedPrefetcher(
      const Options& options, Make make, std::function<void()> on_start = [] {})
      : make_(std::move(make)),
        on_start_(std::move(on_start)),
        ahead_(options.ahead),
        slots_(static_cast<size_t>(options.ahead + 1)),
        threads_(
            options.threads, [this] { work(); }, [this] { stop(); }) {}

  /// Ends at once, also while values are being made and while they wait for a read.
  ~OrderedPrefetcher() {
    stop();
    threads_.join();
  }

  /// The value at `position`, made here when no worker has begun it. The workers go on with those
  /// behind it, below `end`. A wait for one is given up as `wait_interruptibly` says; the value can
  /// be taken later.
  Value take(int64_t position, int64_t end, const std::function<bool()>& stop_waiting = nullptr) {
    std::vector<Value> unwanted;
    std::unique_lock<std::mutex> lock(mutex_);
    const bool jump = position != wanted_;
    if (jump) unwanted = jump_to(position);
    end_ = std::min(position + ahead_ + 1, end);
    Slot& slot = slot_of(position);
    const bool begun = slot.position == position;
    if (!begun) {
      slot = {.position = position};
      next_ = std::max(next_, position + 1);
    }
    const bool more = idle_ > 0 && find_work();
    const bool many = jump || !begun;
    const bool ready = slot.value.has_value();
    waiting_ = begun && !ready;
    if (more || !begun) {
      lock.unlock();
      if (more) many ? work_.notify_all() : work_.notify_one();
      if (!begun) {
        std::optional<Value> made(make_(position, stopping_));
        lock.lock();
        return leave(position, std::move(made), lock);
      }
      lock.lock();
    }
    wait_interruptibly(ready_, lock, stop_waiting, [&] { return slot.value.has_value(); });
    waiting_ = false;
    return leave(position, std::exchange(slot.value, std::nullopt), lock);
  }

 private:
  struct Slot {
    // -1 when nobody has begun it.
    int64_t position = -1;
    std::optional<Value> value = std::nullopt;
  };

  Slot& slot_of(int64_t position) { return slots_[static_cast<size_t>(position) % slots_.size()]; }

  // Forgets what lies outside of the window behind `position`; gives it, to be destroyed without
  // the lock.
  std::vector<Value> jump_to(int64_t position) {
    std::vector<Value> unwanted;
    for (Slot& slot : slots_) {
      if (slot.position >= position && slot.position <= position + ahead_) continue;
      if (slot.value) unwanted.push_back(*std::move(slot.value));
      slot = {};
    }
    wanted_ = next_ = position;
    return unwanted;
  }

  Value leave(int64_t position, std::optional<Value> value, std::unique_lock<std::mutex>& lock) {
    slot_of(position) = {};
    wanted_ = position + 1;
    lock.unlock();
    return *std::move(value);
  }

  bool find_work() {
    while (next_ < end_ && slot_of(next_).position == next_) ++next_;
    return next_ < end_;
  }

  void work() {
    on_start_();
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      while (!stopping_ && !find_work()) {
        ++idle_;
        work_.wait(lock);
        --idle_;
      }
      if (stopping_) return;
      const int64_t position = next_++;
      slot_of(position) = {.position = position};
      lock.unlock();
      std::optional<Value> made(make_(position, stopping_));
      lock.lock();
      Slot& slot = slot_of(position);
      if (slot.position == position && !slot.value) {
        slot.value = std::move(made);
        if (waiting_) ready_.notify_one();
      } else {
        lock.unlock();
        made.reset();
        lock.lock();
      }
    }
  }

  void stop() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
  }

  const Make make_;
  const std::function<void()> on_start_;
  const int64_t ahead_;

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable ready_;
  std::atomic<bool> stopping_ = false;
  std::vector<Slot> slots_;
  // What the taker asks for when it goes on in order.
  int64_t wanted_ = 0;
  // No position in the window below this one is left to begin; workers begin those below end_.
  int64_t next_ = 0;
  int64_t end_ = 0;
  int idle_ = 0;
  bool waiting_ = false;

  // Last: ended before all that they use.
  WorkerThreads threads_;
};

}  // namespace composer
