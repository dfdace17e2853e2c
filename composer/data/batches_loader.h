#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "composer/core/data_loader.h"

namespace composer {

/// Gives ready batches from memory, the same ones in the same order every epoch: for measuring, and
/// for programs that make their data themselves. The batches share their tensors with the caller.
class BatchesLoader final : public DataLoader {
 public:
  explicit BatchesLoader(std::vector<Batch> batches);

  /// Samples of the first batch.
  int64_t batch_size() const override { return batch_size_; }
  std::optional<int64_t> batches_per_epoch() const override;
  void seek(int64_t epoch, int64_t batch) override;
  std::optional<Batch> next() override;

 private:
  std::vector<Batch> batches_;
  int64_t batch_size_;
  size_t position_ = 0;
};

}  // namespace composer
