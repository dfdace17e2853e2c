#include "composer/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/cli/exit_codes.h"
#include "composer/core/state.h"

namespace composer {
namespace {

// A signal handler has nothing but globals.
std::atomic<int> first_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);

// Calls only what is safe in a signal handler.
void handle(int signal) {
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, signal)) _exit(kExitSignal + signal);
  constexpr char kText[] = "\nstopping after this step; once more to stop at once\n";
  const int saved = errno;
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof(kText) - 1);
  errno = saved;
}

// What was started with a signal ignored, as nohup does, goes on ignoring it.
void take(int signal, const struct sigaction& action, struct sigaction& before) {
  sigaction(signal, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
}

void throw_if_interrupted() {
  const int signal = SignalScope::received();
  if (signal == 0) return;
  throw_if_error(absl::CancelledError(absl::StrCat("stopped by ", signal_name(signal))));
}

}  // namespace

struct SignalScope::Handlers {
  struct sigaction interrupt;
  struct sigaction terminate;
};

SignalScope::SignalScope() : before_(std::make_unique<Handlers>()) {
  first_signal = 0;
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  take(SIGINT, action, before_->interrupt);
  take(SIGTERM, action, before_->terminate);
}

SignalScope::~SignalScope() {
  sigaction(SIGINT, &before_->interrupt, nullptr);
  sigaction(SIGTERM, &before_->terminate, nullptr);
}

int SignalScope::received() { return first_signal.load(std::memory_order_relaxed); }

const char* signal_name(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

void InterruptCallback::batch_end(State& state, Logger& logger) {
  if (const int signal = SignalScope::received(); signal != 0) {
    state.stop_training(signal_name(signal));
  }
}

void InterruptCallback::eval_start(State& state, Logger& logger) { throw_if_interrupted(); }

void InterruptCallback::eval_batch_end(State& state, Logger& logger) { throw_if_interrupted(); }

void InterruptCallback::predict_batch_end(State& state, Logger& logger) { throw_if_interrupted(); }

}  // namespace composer
