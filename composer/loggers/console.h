#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "composer/core/logger.h"
#include "composer/core/registries.h"
#include "composer/loggers/log_interval.h"
#include "composer/loggers/progress_text.h"
#include "composer/loggers/status_line.h"
#include "proto/logger.pb.h"

namespace composer {

/// Shows the progress of training, evaluation and prediction on stderr. On a terminal a bar per
/// epoch with loss, metrics, samples per second and time left, redrawn in place, and one line for
/// each evaluation; elsewhere plain lines at an interval and after each epoch and evaluation.
class ConsoleLogger : public LoggerDestination {
 public:
  using Config = config::Console;
  /// Colours unless NO_COLOR is set, and draws with Unicode where the locale's variables say UTF-8.
  static absl::StatusOr<std::unique_ptr<ConsoleLogger>> create(const Config& config,
                                                               const RunContext& run);

  struct Options {
    /// Between two plain lines.
    Time log_interval = Time::batches(100);
    /// Between two redraws of the bar. The loss is read from its device at each.
    std::chrono::duration<double> refresh{0.1};
    /// Draws in place; `style` says how.
    bool terminal = false;
    BarStyle style = {};
    /// Descriptor that is written to.
    int file = 2;
  };
  explicit ConsoleLogger(const Options& options);

  bool due(const Timestamp& before, const Timestamp& after) override;
  void log_metrics(const MetricValues& metrics, const Timestamp& now) override;

  void fit_start(State& state, Logger& logger) override;
  void epoch_start(State& state, Logger& logger) override;
  void batch_end(State& state, Logger& logger) override;
  void epoch_end(State& state, Logger& logger) override;
  void fit_end(State& state, Logger& logger) override;
  void eval_start(State& state, Logger& logger) override;
  void eval_batch_end(State& state, Logger& logger) override;
  void eval_end(State& state, Logger& logger) override;
  void predict_start(State& state, Logger& logger) override;
  void predict_batch_end(State& state, Logger& logger) override;
  void predict_end(State& state, Logger& logger) override;
  void close(State& state, Logger& logger) override;

 private:
  using Clock = std::chrono::steady_clock;

  void start_epoch(const State& state);
  void finish_epoch();
  void show_step();
  void start_pass(const State& state, std::string label);
  void advance_pass(const Timestamp& now);
  void draw(const BarState& bar);
  void print(const BarState& bar);

  Options options_;
  LogInterval interval_;
  StatusLine line_;
  BarState epoch_;
  // An evaluation or a prediction, possibly within an epoch.
  BarState pass_;
  Clock::time_point pass_started_;
  Clock::time_point next_redraw_;
  // The present step is to be shown once its metrics have come.
  bool step_due_ = false;
};

}  // namespace composer
