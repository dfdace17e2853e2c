#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/core/state_dict.h"

namespace composer {

/// Values under their names, in the order in which they are shown.
using MetricValues = std::vector<std::pair<std::string, double>>;

/// A number over many batches, exact whatever their sizes. Sums stay on the device of what is
/// updated with; `compute` reads them back.
class Metric : public Stateful {
 public:
  /// Takes in a batch of model outputs and targets; shapes and classes are the metric's own.
  virtual void update(const at::Tensor& outputs, const at::Tensor& targets) = 0;
  /// NaN before the first update.
  virtual double compute() const = 0;
  virtual void reset() = 0;
  /// Takes in what `other`, of the same type and settings, has seen.
  virtual void merge(const Metric& other) = 0;
  /// A fresh metric with the same settings.
  virtual std::unique_ptr<Metric> fresh() const = 0;
};

/// Metrics under their names, in order.
class MetricCollection {
 public:
  using Entry = std::pair<std::string, std::unique_ptr<Metric>>;

  /// Adds a metric; throws when `name` is taken.
  MetricCollection& add(std::string name, std::unique_ptr<Metric> metric);

  /// Updates every metric with the same outputs and targets.
  void update(const at::Tensor& outputs, const at::Tensor& targets);
  MetricValues compute() const;
  void reset();
  /// Merges metric by metric; throws when the names differ.
  void merge(const MetricCollection& other);

  /// Keeps the metrics whose name contains one of `names`, in any case; all when `names` is empty.
  /// InvalidArgument, with the names there are, when one of `names` finds nothing.
  absl::Status keep(absl::Span<const std::string> names);

  StateDict state_dict() const;
  absl::Status load_state_dict(const StateDict& state);

  bool empty() const { return metrics_.empty(); }
  size_t size() const { return metrics_.size(); }
  auto begin() { return metrics_.begin(); }
  auto end() { return metrics_.end(); }
  auto begin() const { return metrics_.begin(); }
  auto end() const { return metrics_.end(); }

 private:
  std::vector<Entry> metrics_;
};

}  // namespace composer
