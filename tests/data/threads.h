#pragma once

#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>

namespace composer {

/// Threads of this process.
inline int count_threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<int>(std::distance(begin(tasks), end(tasks)));
}

/// The same once it has not changed for 20 ms: a thread that was joined may be listed for a moment
/// longer.
inline int settled_threads() {
  int count = -1;
  while (count != count_threads()) {
    count = count_threads();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return count;
}

/// Whether there are no more than `expected` threads within ten seconds.
inline bool threads_become(int expected) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (count_threads() > expected) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace composer
