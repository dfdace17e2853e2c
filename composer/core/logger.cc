#include "composer/core/logger.h"

#include <ATen/ops/item.h>

#include <algorithm>

namespace composer {

Logger::Logger(std::vector<std::unique_ptr<LoggerDestination>> destinations)
    : destinations_(std::move(destinations)),
      due_(destinations_.size(), true),
      any_due_(!destinations_.empty()) {}

void Logger::log_metric(absl::string_view name, double value) {
  if (any_due_) pending_.push_back({std::string(name), value, {}});
}

void Logger::log_metric(absl::string_view name, const at::Tensor& value) {
  if (any_due_) pending_.push_back({std::string(name), 0, value.detach()});
}

void Logger::log_metrics(const MetricValues& metrics) {
  for (const auto& [name, value] : metrics) log_metric(name, value);
}

void Logger::log_hyperparameters(
    absl::Span<const std::pair<std::string, std::string>> hyperparameters) {
  for (const auto& destination : destinations_) destination->log_hyperparameters(hyperparameters);
}

void Logger::begin_step(const Timestamp& before, const Timestamp& after) {
  any_due_ = false;
  for (size_t i = 0; i < destinations_.size(); ++i) {
    due_[i] = destinations_[i]->due(before, after);
    any_due_ = any_due_ || due_[i];
  }
  // What was logged since the last flush, while the batch was fetched, belongs to this step.
  if (!any_due_) pending_.clear();
}

void Logger::flush(const Timestamp& now) {
  if (!pending_.empty()) {
    MetricValues metrics;
    metrics.reserve(pending_.size());
    for (const Pending& entry : pending_) {
      const double value = entry.tensor.defined() ? entry.tensor.item<double>() : entry.number;
      // A name that is logged twice in a step keeps its last value.
      const auto same = std::find_if(metrics.begin(), metrics.end(), [&](const auto& metric) {
        return metric.first == entry.name;
      });
      if (same == metrics.end()) {
        metrics.emplace_back(entry.name, value);
      } else {
        same->second = value;
      }
    }
    for (size_t i = 0; i < destinations_.size(); ++i) {
      if (due_[i]) destinations_[i]->log_metrics(metrics, now);
    }
    for (const auto& [name, value] : metrics) newest_[name] = value;
    pending_.clear();
  }
  std::fill(due_.begin(), due_.end(), true);
  any_due_ = !destinations_.empty();
}

}  // namespace composer
