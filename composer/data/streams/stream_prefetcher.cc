#include "composer/data/streams/stream_prefetcher.h"

#include <utility>

#include "composer/data/workers/interruptible_wait.h"
#include "composer/data/workers/single_thread.h"

namespace composer {

StreamPrefetcher::StreamPrefetcher(const Options& options, Make make)
    : options_(options),
      make_(std::move(make)),
      thread_(
          1, [this] { work(); }, [this] { stop(); }) {}

StreamPrefetcher::~StreamPrefetcher() {
  stop();
  thread_.join();
}

void StreamPrefetcher::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    cancel_ = true;
  }
  work_.notify_all();
}

std::optional<MadeBatch> StreamPrefetcher::take(int64_t epoch, int64_t batch,
                                                const std::function<bool()>& stop_waiting) {
  const Position wanted = {epoch, batch};
  std::deque<Item> unwanted;
  std::unique_lock<std::mutex> lock(mutex_);
  // The end of the epoch before, which nobody asked for.
  if (!items_.empty() && !items_.front().made && next_of(items_.front()) == wanted) {
    items_.pop_front();
  }
  const std::optional<Position> next = items_.empty() ? target_ : items_.front().position;
  if (next != wanted) {
    unwanted.swap(items_);
    target_ = wanted;
    ++generation_;
    cancel_ = true;
  }
  work_.notify_one();
  wait_interruptibly(ready_, lock, stop_waiting, [&] { return !items_.empty(); });
  std::optional<MadeBatch> made = std::move(items_.front().made);
  items_.pop_front();
  lock.unlock();
  work_.notify_one();
  return made;
}

std::optional<StreamPrefetcher::Position> StreamPrefetcher::next_of(const Item& item) const {
  const auto [epoch, batch] = item.position;
  if (item.made && batch + 1 != options_.num_batches) return Position{epoch, batch + 1};
  if (options_.next_epoch) return Position{epoch + 1, 0};
  return std::nullopt;
}

void StreamPrefetcher::work() {
  use_this_thread_alone();
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    work_.wait(lock, [&] {
      return stopping_ || (target_ && static_cast<int64_t>(items_.size()) < options_.ahead);
    });
    if (stopping_) return;
    const int64_t generation = generation_;
    Item item{*target_, std::nullopt};
    cancel_ = false;
    lock.unlock();
    item.made = make_(item.position.epoch, item.position.batch, cancel_);
    lock.lock();
    if (generation != generation_) continue;
    target_ = next_of(item);
    items_.push_back(std::move(item));
    ready_.notify_one();
  }
}

}  // namespace composer
