#pragma once

#include <memory>

#include "composer/core/callback.h"

namespace composer {

/// Takes SIGINT and SIGTERM while it lives; as they were before on destruction. The first signal is
/// only noted, and said; a second one ends the process at once. At most one lives at a time.
class SignalScope {
 public:
  SignalScope();
  ~SignalScope();

  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

  /// The signal that came first, 0 for none.
  static int received();

 private:
  struct Handlers;
  std::unique_ptr<Handlers> before_;
};

/// "SIGINT" for 2.
const char* signal_name(int signal);

/// Stops training after the step in which a signal came; ends an evaluation or a prediction with
/// Cancelled. For use within a SignalScope.
class InterruptCallback : public Callback {
 public:
  void batch_end(State& state, Logger& logger) override;
  void eval_start(State& state, Logger& logger) override;
  void eval_batch_end(State& state, Logger& logger) override;
  void predict_batch_end(State& state, Logger& logger) override;
};

}  // namespace composer
