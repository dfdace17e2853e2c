#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/core/logger.h"

namespace composer {

/// Keeps every metric in memory, for code that trains inside another program, and for tests.
/// Wants every training step.
class InMemoryLogger : public LoggerDestination {
 public:
  struct Entry {
    Timestamp timestamp;
    double value;
  };

  void log_metrics(const MetricValues& metrics, const Timestamp& now) override;
  void log_hyperparameters(
      absl::Span<const std::pair<std::string, std::string>> hyperparameters) override;

  /// All values of a metric, oldest first; empty when there is none of that name.
  absl::Span<const Entry> history(absl::string_view name) const;
  /// The last value of a metric.
  std::optional<double> latest(absl::string_view name) const;
  /// The metrics' names, sorted.
  std::vector<std::string> names() const;
  const std::map<std::string, std::string>& hyperparameters() const { return hyperparameters_; }

 private:
  std::map<std::string, std::vector<Entry>, std::less<>> metrics_;
  std::map<std::string, std::string> hyperparameters_;
};

}  // namespace composer
