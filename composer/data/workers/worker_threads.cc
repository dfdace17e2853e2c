#include "composer/data/workers/worker_threads.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "composer/base/logging.h"

namespace composer {
namespace {

constexpr std::chrono::milliseconds kGrace{20};
constexpr std::chrono::milliseconds kLongestPause{50};
constexpr std::chrono::seconds kWorthAWarning{10};

void do_nothing(int) {}

// A real-time signal that the program does not use, with a handler that does nothing. Without
// SA_RESTART, so that it ends system calls. 0 when there is none left.
int install_interrupt() {
  for (int signal = SIGRTMAX - 1; signal >= SIGRTMIN; --signal) {
    struct sigaction present;
    if (sigaction(signal, nullptr, &present) != 0 || present.sa_handler != SIG_DFL) continue;
    struct sigaction action = {};
    action.sa_handler = do_nothing;
    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, nullptr) == 0) return signal;
  }
  return 0;
}

int interrupt_signal() {
  static const int signal = install_interrupt();
  return signal;
}

// All but the interrupt, what a program's own faults raise, and what profilers use.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int signal : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPROF, SIGSEGV, SIGSYS, SIGTRAP}) {
      sigdelset(&blocked, signal);
    }
    if (interrupt_signal() != 0) sigdelset(&blocked, interrupt_signal());
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

WorkerThreads::WorkerThreads(int count, std::function<void()> body,
                             const std::function<void()>& tell_to_end) {
  // Threads inherit it.
  const BlockedSignals blocked;
  threads_.reserve(count);
  try {
    for (int i = 0; i < count; ++i) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++running_;
      }
      threads_.emplace_back([this, body] { run(body); });
    }
  } catch (...) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      --running_;
    }
    tell_to_end();
    join();
    throw;
  }
}

void WorkerThreads::run(const std::function<void()>& body) {
  pthread_setname_np(pthread_self(), "data worker");
  body();
  // Under the lock, so that this object is not gone before the call returns.
  const std::lock_guard<std::mutex> lock(mutex_);
  --running_;
  ended_.notify_all();
}

void WorkerThreads::join() {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto none_is_running = [&] { return running_ == 0; };
  const auto start = std::chrono::steady_clock::now();
  bool warned = false;
  auto pause = std::chrono::milliseconds(1);
  bool ended = ended_.wait_for(lock, kGrace, none_is_running);
  while (!ended) {
    // A signal that comes between a look at a flag and the system call is lost, so there are more.
    for (std::thread& thread : threads_) {
      if (interrupt_signal() != 0) pthread_kill(thread.native_handle(), interrupt_signal());
    }
    ended = ended_.wait_for(lock, pause, none_is_running);
    pause = std::min(2 * pause, kLongestPause);
    if (!warned && std::chrono::steady_clock::now() - start > kWorthAWarning) {
      LOG(WARNING) << "waiting for a data worker that does not end: what it reads from neither "
                      "answers nor can be interrupted";
      warned = true;
    }
  }
  lock.unlock();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace composer
