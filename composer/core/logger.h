#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/base/time.h"
#include "composer/core/callback.h"
#include "composer/core/metric.h"

namespace composer {

/// Where metrics go: a file, the terminal, memory. A callback too, so that it sees the events.
class LoggerDestination : public Callback {
 public:
  /// True when the metrics of the training step from `before` to `after` are wanted. Asked before
  /// the step, since what nobody wants is not computed. Metrics outside a training step, those of
  /// an evaluation or an epoch, are always given.
  virtual bool due(const Timestamp& before, const Timestamp& after) { return true; }

  /// Metrics that belong together, logged at `now`.
  virtual void log_metrics(const MetricValues& metrics, const Timestamp& now) = 0;

  /// Settings of the run, at the start of each `fit`.
  virtual void log_hyperparameters(
      absl::Span<const std::pair<std::string, std::string>> hyperparameters) {}
};

/// Collects the metrics of a step and hands them to the destinations that are due. A tensor is read
/// back from its device only then, so that logging one in each step costs nothing in the others.
class Logger {
 public:
  explicit Logger(std::vector<std::unique_ptr<LoggerDestination>> destinations = {});

  void log_metric(absl::string_view name, double value);
  /// A tensor of one element.
  void log_metric(absl::string_view name, const at::Tensor& value);
  void log_metrics(const MetricValues& metrics);
  void log_hyperparameters(absl::Span<const std::pair<std::string, std::string>> hyperparameters);

  /// False in a training step whose metrics nobody wants; what is logged is then dropped.
  bool due() const { return any_due_; }

  /// Called by the trainer: the step from `before` to `after` begins.
  void begin_step(const Timestamp& before, const Timestamp& after);
  /// Called by the trainer: hands over what was logged, then everything is due until the next step.
  void flush(const Timestamp& now);

  /// The newest value of each metric that any destination was given.
  const std::map<std::string, double>& newest() const { return newest_; }
  void set_newest(std::map<std::string, double> metrics) { newest_ = std::move(metrics); }

  absl::Span<const std::unique_ptr<LoggerDestination>> destinations() const {
    return destinations_;
  }

 private:
  struct Pending {
    std::string name;
    double number;
    at::Tensor tensor;  // undefined when `number` holds the value
  };

  std::vector<std::unique_ptr<LoggerDestination>> destinations_;
  std::vector<bool> due_;
  bool any_due_;
  std::vector<Pending> pending_;
  std::map<std::string, double> newest_;
};

}  // namespace composer
