#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace composer {

/// Keeps what was opened lately, for several threads: each thing is opened by one of them while
/// those that want the same wait, and those that want another do not. What is dropped lives on for
/// those who hold it.
template <typename Shard>
class ShardCache {
 public:
  using Result = absl::StatusOr<std::shared_ptr<const Shard>>;

  /// Keeps things of `max_bytes` together, and not more than `max_count` of them; the last one in
  /// any case.
  ShardCache(int64_t max_bytes, size_t max_count) : max_bytes_(max_bytes), max_count_(max_count) {}

  /// The thing of that number, or what `open()` gives: a Result. `bytes(thing)` is what keeping it
  /// costs. A failure is not kept.
  template <typename Open, typename Bytes>
  Result get(int64_t number, const Open& open, const Bytes& bytes) {
    const std::shared_ptr<Slot> slot = find_or_add(number);
    absl::MutexLock lock(&slot->mutex);
    if (slot->shard != nullptr) return slot->shard;
    Result opened = open();
    if (!opened.ok()) return opened;
    slot->shard = *opened;
    account(number, slot, bytes(**opened));
    return opened;
  }

 private:
  struct Slot {
    absl::Mutex mutex;
    std::shared_ptr<const Shard> shard ABSL_GUARDED_BY(mutex);
  };
  struct Entry {
    std::shared_ptr<Slot> slot;
    int64_t bytes = 0;
    std::list<int64_t>::iterator place;
  };

  std::shared_ptr<Slot> find_or_add(int64_t number) {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(number);
    if (found != entries_.end()) {
      order_.splice(order_.begin(), order_, found->second.place);
      return found->second.slot;
    }
    order_.push_front(number);
    auto slot = std::make_shared<Slot>();
    entries_.emplace(number, Entry{slot, 0, order_.begin()});
    drop_old();
    return slot;
  }

  void account(int64_t number, const std::shared_ptr<Slot>& slot, int64_t bytes) {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(number);
    // Dropped in the meantime, and perhaps there again.
    if (found == entries_.end() || found->second.slot != slot) return;
    found->second.bytes = bytes;
    bytes_ += bytes;
    drop_old();
  }

  void drop_old() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (order_.size() > 1 && (bytes_ > max_bytes_ || order_.size() > max_count_)) {
      const auto last = entries_.find(order_.back());
      bytes_ -= last->second.bytes;
      entries_.erase(last);
      order_.pop_back();
    }
  }

  const int64_t max_bytes_;
  const size_t max_count_;
  absl::Mutex mutex_;
  std::unordered_map<int64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // The last used first.
  std::list<int64_t> order_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace composer
