#pragma once

#include <memory>
#include <string>
#include <vector>

#include "composer/core/callback.h"
#include "composer/core/data_loader.h"
#include "composer/core/model.h"
#include "composer/core/optimizer.h"

namespace composer::testing {

/// A linear classifier of 4 features and 3 classes with per-sample losses and one metric,
/// `accuracy`.
class TinyModel : public ComposerModel {
 public:
  TinyModel();
  Outputs forward(const Batch& batch) override;
  Loss loss(const Outputs& outputs, const Batch& batch) override;
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override;
  bool has_per_sample_loss() const override { return true; }
  MetricCollection metrics(bool is_train) const override;

  at::Tensor weight;
};

/// Counts right answers; enough of a metric to see when it is updated.
class TinyAccuracy final : public Metric {
 public:
  void update(const at::Tensor& outputs, const at::Tensor& targets) override;
  double compute() const override;
  void reset() override { right_ = seen_ = 0; }
  void merge(const Metric& other) override;
  std::unique_ptr<Metric> fresh() const override { return std::make_unique<TinyAccuracy>(); }

 private:
  int64_t right_ = 0;
  int64_t seen_ = 0;
};

/// `samples` random samples in batches of `batch_size`, the same in each epoch; the last batch may
/// be smaller.
class TinyLoader final : public DataLoader {
 public:
  TinyLoader(int64_t samples, int64_t batch_size, uint64_t seed = 1);
  int64_t batch_size() const override { return batch_size_; }
  std::optional<int64_t> batches_per_epoch() const override;
  void seek(int64_t epoch, int64_t batch) override { position_ = batch; }
  std::optional<Batch> next() override;

  /// Says nothing of its length.
  bool stream = false;

 private:
  Batch all_;
  int64_t batch_size_;
  int64_t position_ = 0;
};

/// w <- w - lr g, written out.
class PlainSgd final : public Optimizer {
 public:
  PlainSgd(std::vector<NamedParameter> parameters, double lr);
  std::vector<ParameterGroup>& groups() override { return groups_; }

  /// Learning rates of the updates so far.
  std::vector<double> used;

 private:
  void update_parameters() override;

  std::vector<ParameterGroup> groups_;
};

OptimizerFactory plain_sgd(double lr);

/// Writes down the names of the events.
class EventRecorder final : public Callback {
 public:
  explicit EventRecorder(std::vector<std::string>* events) : events_(events) {}
  void run_event(Event event, State& state, Logger& logger) override;

 private:
  std::vector<std::string>* events_;
};

}  // namespace composer::testing
