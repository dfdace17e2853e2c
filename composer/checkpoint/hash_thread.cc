#include "composer/checkpoint/hash_thread.h"

namespace composer {

HashThread::HashThread() : thread_([this] { run(); }) {}

HashThread::~HashThread() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void HashThread::start(Sha256& hash, const void* data, size_t size) {
  {
    const std::lock_guard lock(mutex_);
    hash_ = &hash;
    data_ = data;
    size_ = size;
  }
  changed_.notify_all();
}

void HashThread::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return hash_ == nullptr; });
}

void HashThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return hash_ != nullptr || ends_; });
    if (hash_ == nullptr) return;
    lock.unlock();
    hash_->update(data_, size_);
    lock.lock();
    hash_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace composer
