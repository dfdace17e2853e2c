#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "composer/core/callback.h"

namespace composer {

/// Takes SIGINT, SIGTERM and SIGUSR1 while it lives; as they were before on destruction. The first
/// SIGINT or SIGTERM is only noted, and said; a second one ends the process at once. SIGUSR1 asks
/// for a checkpoint. At most one lives at a time.
class SignalScope {
 public:
  SignalScope();
  ~SignalScope();

  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

  /// The SIGINT or SIGTERM that came first, 0 for none.
  static int received();
  /// Whether one came: for what waits for something else meanwhile.
  static bool pending() { return received() != 0; }
  /// Whether a SIGUSR1 came since the last call.
  static bool take_save_request();

 private:
  struct Handlers;
  std::unique_ptr<Handlers> before_;
};

/// "SIGINT" for 2.
const char* signal_name(int signal);

/// What a command does between two batches of training, and at the end of an epoch.
using BoundaryHook = std::function<void(State& state)>;

/// Brings what comes from outside to a run between two batches: interrupts it (State::interrupt)
/// after SIGINT and SIGTERM, calls `save` after SIGUSR1, and the hooks. For use within a
/// SignalScope. One callback for all of it, in every run: a checkpoint fits a run that has as many
/// callbacks.
class InterruptCallback : public Callback {
 public:
  explicit InterruptCallback(std::vector<BoundaryHook> hooks = {}) : hooks_(std::move(hooks)) {}

  /// Nothing is called when null.
  void set_save(std::function<void()> save) { save_ = std::move(save); }

  void batch_end(State& state, Logger& logger) override;
  void epoch_end(State& state, Logger& logger) override;
  void eval_start(State& state, Logger& logger) override;
  void eval_batch_end(State& state, Logger& logger) override;
  void predict_start(State& state, Logger& logger) override;
  void predict_batch_end(State& state, Logger& logger) override;

 private:
  void at_boundary(State& state);

  std::vector<BoundaryHook> hooks_;
  std::function<void()> save_;
};

}  // namespace composer
