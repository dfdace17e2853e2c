#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/data_loader.h"
#include "composer/data/dataset.h"
#include "composer/data/permutation.h"

namespace composer {

struct MapDataLoaderOptions {
  /// Samples of a batch over all ranks.
  int64_t batch_size = 1;
  /// A new order each epoch, a function of seed and epoch alone.
  bool shuffle = false;
  /// Leaves out the last batch of an epoch when it is not full.
  bool drop_last = false;
  uint64_t seed = 0;
  /// Batches of an epoch, at most.
  std::optional<int64_t> subset_num_batches = std::nullopt;
  /// Which part of each batch this process gets, and how many parts there are.
  int64_t rank = 0;
  int64_t world_size = 1;
};

/// Batches of a map-style dataset. An epoch visits every sample once, in the order of the indices
/// or of a permutation; batch b holds positions [b * batch_size, (b + 1) * batch_size) of it, the
/// last one perhaps fewer. A rank gets one contiguous part of every batch, its size within one of
/// the others', so that a position means the same for any number of ranks. Its state is that
/// position, which the clock knows; `seek` costs nothing.
class MapDataLoader final : public DataLoader {
 public:
  /// InvalidArgument, with the field's name, when a batch cannot be filled ("batch_size" larger
  /// than the dataset) or a rank would be left without samples.
  static absl::StatusOr<std::unique_ptr<MapDataLoader>> create(
      std::shared_ptr<const Dataset> dataset, const MapDataLoaderOptions& options);

  int64_t batch_size() const override { return options_.batch_size; }
  std::optional<int64_t> batches_per_epoch() const override { return num_batches_; }
  void seek(int64_t epoch, int64_t batch) override;
  /// What the dataset throws comes as a StatusError with its name, the epoch, the batch and the
  /// samples; the call after it gives the batch after it.
  std::optional<Batch> next() override;

 private:
  MapDataLoader(std::shared_ptr<const Dataset> dataset, const MapDataLoaderOptions& options);

  const std::shared_ptr<const Dataset> dataset_;
  const MapDataLoaderOptions options_;
  const int64_t size_;
  const int64_t num_batches_;
  int64_t epoch_ = 0;
  int64_t batch_ = 0;
  Permutation order_;
  std::vector<int64_t> indices_;
};

}  // namespace composer
