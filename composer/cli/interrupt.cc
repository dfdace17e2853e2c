#include "composer/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "composer/cli/exit_codes.h"
#include "composer/core/state.h"

namespace composer {
namespace {

// A signal handler has nothing but globals.
std::atomic<int> first_signal = 0;
std::atomic<bool> save_requested = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

// Calls only what is safe in a signal handler.
void handle(int signal) {
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, signal)) _exit(kExitSignal + signal);
  constexpr char kText[] = "\nstopping after this step; once more to stop at once\n";
  const int saved = errno;
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof(kText) - 1);
  errno = saved;
}

void handle_save(int signal) { save_requested = true; }

// What was started with a signal ignored, as nohup does, goes on ignoring it.
void take(int signal, void (*handler)(int), struct sigaction& before) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
}

void interrupt_if_signalled(State& state) {
  if (const int signal = SignalScope::received(); signal != 0) {
    state.interrupt(signal_name(signal));
  }
}

}  // namespace

struct SignalScope::Handlers {
  struct sigaction interrupt;
  struct sigaction terminate;
  struct sigaction save;
};

SignalScope::SignalScope() : before_(std::make_unique<Handlers>()) {
  first_signal = 0;
  save_requested = false;
  take(SIGINT, handle, before_->interrupt);
  take(SIGTERM, handle, before_->terminate);
  take(SIGUSR1, handle_save, before_->save);
}

SignalScope::~SignalScope() {
  sigaction(SIGINT, &before_->interrupt, nullptr);
  sigaction(SIGTERM, &before_->terminate, nullptr);
  sigaction(SIGUSR1, &before_->save, nullptr);
}

int SignalScope::received() { return first_signal.load(std::memory_order_relaxed); }

bool SignalScope::take_save_request() {
  return save_requested.load(std::memory_order_relaxed) && save_requested.exchange(false);
}

const char* signal_name(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

void InterruptCallback::at_boundary(State& state) {
  interrupt_if_signalled(state);
  for (const BoundaryHook& hook : hooks_) hook(state);
}

void InterruptCallback::batch_end(State& state, Logger& logger) {
  at_boundary(state);
  if (save_ && SignalScope::take_save_request()) save_();
}

void InterruptCallback::epoch_end(State& state, Logger& logger) { at_boundary(state); }

void InterruptCallback::eval_start(State& state, Logger& logger) { interrupt_if_signalled(state); }

void InterruptCallback::eval_batch_end(State& state, Logger& logger) {
  interrupt_if_signalled(state);
}

void InterruptCallback::predict_start(State& state, Logger& logger) {
  interrupt_if_signalled(state);
}

void InterruptCallback::predict_batch_end(State& state, Logger& logger) {
  interrupt_if_signalled(state);
}

}  // namespace composer
