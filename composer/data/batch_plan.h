#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/data/samplers/sampler.h"

namespace composer {

/// Which positions of an epoch's order a batch has, and which of them a rank gets. Batch b holds
/// positions [b * batch_size, (b + 1) * batch_size), the last one perhaps fewer; a rank gets one
/// contiguous part of every batch, its size within one of the others'.
class BatchPlan {
 public:
  struct Options {
    /// Samples of a batch over all ranks.
    int64_t batch_size = 1;
    /// Leaves out the last batch when it is not full.
    bool drop_last = false;
    /// Fills the last batch with positions from the epoch's start, so that every rank gets as many.
    bool pad_last = false;
    /// Batches, at most.
    std::optional<int64_t> subset_num_batches = std::nullopt;
    int64_t rank = 0;
    int64_t world_size = 1;
  };

  /// For an epoch of `size` positions; `dataset` is what messages call it. InvalidArgument, with
  /// the option's name as its field, when a batch cannot be filled, a rank would be left without
  /// samples, or two options contradict each other.
  static absl::StatusOr<BatchPlan> create(int64_t size, absl::string_view dataset,
                                          const Options& options);

  int64_t num_batches() const { return num_batches_; }

  /// This rank's samples of `batch` in `order`. REQUIRES: 0 <= batch < num_batches().
  std::vector<int64_t> samples(const Order& order, int64_t batch) const;

 private:
  BatchPlan(int64_t size, const Options& options);

  Options options_;
  int64_t size_;
  int64_t num_batches_;
};

}  // namespace composer
