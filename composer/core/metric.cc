#include "composer/core/metric.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/status.h"

namespace composer {

MetricCollection& MetricCollection::add(std::string name, std::unique_ptr<Metric> metric) {
  for (const Entry& entry : metrics_) {
    TORCH_CHECK_VALUE(entry.first != name, "two metrics are called \"", name, "\"");
  }
  metrics_.emplace_back(std::move(name), std::move(metric));
  return *this;
}

void MetricCollection::update(const at::Tensor& outputs, const at::Tensor& targets) {
  for (auto& [name, metric] : metrics_) metric->update(outputs, targets);
}

MetricValues MetricCollection::compute() const {
  MetricValues values;
  for (const auto& [name, metric] : metrics_) values.emplace_back(name, metric->compute());
  return values;
}

void MetricCollection::reset() {
  for (auto& [name, metric] : metrics_) metric->reset();
}

void MetricCollection::merge(const MetricCollection& other) {
  TORCH_CHECK_VALUE(size() == other.size(), "merging collections of different metrics");
  for (size_t i = 0; i < size(); ++i) {
    TORCH_CHECK_VALUE(metrics_[i].first == other.metrics_[i].first,
                      "merging collections of different metrics: \"", metrics_[i].first,
                      "\" and \"", other.metrics_[i].first, "\"");
    metrics_[i].second->merge(*other.metrics_[i].second);
  }
}

absl::Status MetricCollection::keep(absl::Span<const std::string> names) {
  if (names.empty()) return absl::OkStatus();
  const auto matches = [](const Entry& entry, const std::string& name) {
    return absl::StrContains(absl::AsciiStrToLower(entry.first), absl::AsciiStrToLower(name));
  };
  for (const std::string& name : names) {
    if (std::any_of(begin(), end(), [&](const Entry& entry) { return matches(entry, name); })) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "the model has no metric \"", name, "\"; it has ",
        empty() ? "none" : absl::StrJoin(metrics_, ", ", [](std::string* out, const Entry& entry) {
          out->append(entry.first);
        })));
  }
  metrics_.erase(std::remove_if(metrics_.begin(), metrics_.end(),
                                [&](const Entry& entry) {
                                  return std::none_of(names.begin(), names.end(),
                                                      [&](const std::string& name) {
                                                        return matches(entry, name);
                                                      });
                                }),
                 metrics_.end());
  return absl::OkStatus();
}

StateDict MetricCollection::state_dict() const {
  StateDict state;
  for (const auto& [name, metric] : metrics_) state.set(name, metric->state_dict());
  return state;
}

absl::Status MetricCollection::load_state_dict(const StateDict& state) {
  for (auto& [name, metric] : metrics_) {
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* part, state.child(name));
    COMPOSER_RETURN_IF_ERROR(annotate(name, metric->load_state_dict(*part)));
  }
  return absl::OkStatus();
}

}  // namespace composer
