#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>

#include "composer/checkpoint/sha256.h"

namespace composer {

/// Hashes bytes while the caller writes the same ones to a file: each takes about as long.
class HashThread {
 public:
  HashThread();
  ~HashThread();

  HashThread(const HashThread&) = delete;
  HashThread& operator=(const HashThread&) = delete;

  /// Hash and bytes must stay until `wait` has returned, and one follows each `start`.
  void start(Sha256& hash, const void* data, size_t size);
  void wait();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  // Null when there is nothing to do.
  Sha256* hash_ = nullptr;
  const void* data_ = nullptr;
  size_t size_ = 0;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace composer
