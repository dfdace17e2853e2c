#include "composer/data/batches_loader.h"

#include <c10/util/Exception.h>

#include <utility>

namespace composer {

BatchesLoader::BatchesLoader(std::vector<Batch> batches)
    : batches_(std::move(batches)),
      batch_size_(batches_.empty() ? 0 : batches_.front().num_samples()) {}

std::optional<int64_t> BatchesLoader::batches_per_epoch() const {
  return static_cast<int64_t>(batches_.size());
}

void BatchesLoader::seek(int64_t epoch, int64_t batch) {
  TORCH_CHECK_VALUE(epoch >= 0 && batch >= 0, "cannot seek to batch ", batch, " of epoch ", epoch);
  position_ = static_cast<size_t>(batch);
}

std::optional<Batch> BatchesLoader::next() {
  if (position_ >= batches_.size()) return std::nullopt;
  return batches_[position_++];
}

}  // namespace composer
