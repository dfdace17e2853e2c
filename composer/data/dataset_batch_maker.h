#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "composer/base/counter_random.h"
#include "composer/data/batch_maker.h"
#include "composer/data/collate.h"
#include "composer/data/dataset.h"

namespace composer {

/// What is done to each sample of a DatasetBatchMaker, and how samples become a batch.
struct DatasetBatchMakerOptions {
  /// Changes a sample in place. `random` is keyed by (seed, epoch, index), so that a sample's draws
  /// depend on nothing else. Called from several threads at once.
  std::function<void(TensorDict& sample, CounterRandom& random)> transform = nullptr;
  /// Stacks the samples when null.
  std::shared_ptr<const Collate> collate = nullptr;
  uint64_t seed = 0;
};

/// Batches of a Dataset; with neither transform nor collate, its own `get_batch`.
class DatasetBatchMaker final : public BatchMaker {
 public:
  explicit DatasetBatchMaker(std::shared_ptr<const Dataset> dataset,
                             DatasetBatchMakerOptions options = {});

  int64_t size() const override { return dataset_->size(); }
  Batch make(absl::Span<const int64_t> indices, int64_t epoch) const override;
  std::string name() const override { return dataset_->name(); }
  std::optional<double> nanoseconds_per_sample() const override;
  std::optional<std::string> learnt() const override;

 private:
  std::shared_ptr<const Dataset> dataset_;
  DatasetBatchMakerOptions options_;
};

}  // namespace composer
