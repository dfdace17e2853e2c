#include "composer/loggers/in_memory.h"

namespace composer {

void InMemoryLogger::log_metrics(const MetricValues& metrics, const Timestamp& now) {
  for (const auto& [name, value] : metrics) metrics_[name].push_back({now, value});
}

void InMemoryLogger::log_hyperparameters(
    absl::Span<const std::pair<std::string, std::string>> hyperparameters) {
  for (const auto& [name, value] : hyperparameters) hyperparameters_[name] = value;
}

absl::Span<const InMemoryLogger::Entry> InMemoryLogger::history(absl::string_view name) const {
  const auto found = metrics_.find(std::string(name));
  if (found == metrics_.end()) return {};
  return found->second;
}

std::optional<double> InMemoryLogger::latest(absl::string_view name) const {
  const absl::Span<const Entry> entries = history(name);
  if (entries.empty()) return std::nullopt;
  return entries.back().value;
}

std::vector<std::string> InMemoryLogger::names() const {
  std::vector<std::string> result;
  for (const auto& [name, entries] : metrics_) result.push_back(name);
  return result;
}

}  // namespace composer
