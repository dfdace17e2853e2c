#pragma once

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "composer/data/dataset.h"

namespace composer {

/// Samples that are held in memory: the rows of named tensors.
class TensorDataset final : public BatchedDataset {
 public:
  /// Keeps the tensors, not copies of them. Throws a c10::ValueError when there are none, when one
  /// has no dimension, or when they disagree on the number of rows.
  explicit TensorDataset(TensorDict tensors, std::string name = "tensors");

  int64_t size() const override { return size_; }
  Batch get_batch(absl::Span<const int64_t> indices) const override;
  std::string name() const override { return name_; }

 private:
  TensorDict tensors_;
  std::string name_;
  int64_t size_ = 0;
};

}  // namespace composer
