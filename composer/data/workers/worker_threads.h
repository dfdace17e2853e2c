#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace composer {

/// Threads that can be ended while they wait in a system call: `join` interrupts them with a signal
/// until each is done, so that a read from a pipe that nobody writes to fails with EINTR. Code that
/// gives up on EINTR, as fread and read do, ends at once; what tries again on EINTR, as
/// std::ifstream does, is waited for. All other signals are blocked in these threads, so that a
/// program's own handlers run elsewhere and interrupt no read.
class WorkerThreads {
 public:
  /// Runs `body` on each thread. It must not throw, and must return soon after it was told to by
  /// means of its own, system calls apart. Throws a std::system_error, with no thread left, when
  /// one cannot be started; `tell_to_end` is then what makes those before it return.
  WorkerThreads(int count, std::function<void()> body, const std::function<void()>& tell_to_end);
  /// Joins.
  ~WorkerThreads() { join(); }

  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  /// REQUIRES: `body` was told to return.
  void join();

 private:
  void run(const std::function<void()>& body);

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_ = 0;
};

}  // namespace composer
