#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/dataset.h"
#include "composer/data/tensor_dataset.h"

namespace composer {

namespace config {
class Csv;
}

/// The rows of a table. Batches have a tensor for each that the columns name: float [N] or
/// [N, columns] of FLOAT columns, int64 of INTEGER and CATEGORY columns. All rows are held as
/// tensors.
///
/// A category is its place among the learnt ones. Behind their number K come, where the column's
/// config asks for them, one number for all that were not learnt and then one for missing values.
///
/// What a FLOAT column is filled with is standardised with the rest.
class Csv final : public BatchedDataset {
 public:
  using Config = config::Csv;

  /// Reads the file, and learns from it or from another. Errors are about the fields "file",
  /// "learn_from", "learnt", "separator" and "columns[i]...".
  static absl::StatusOr<std::shared_ptr<Csv>> create(const Config& config);

  int64_t size() const override { return rows_.size(); }
  Batch get_batch(absl::Span<const int64_t> indices) const override {
    return rows_.get_batch(indices);
  }
  std::string name() const override { return rows_.name(); }

  /// JSON text (see csv_learnt.h), for columns that learn.
  std::optional<Learnt> learnt() const override { return learnt_; }

 private:
  Csv(TensorDataset rows, std::optional<Learnt> learnt);

  const TensorDataset rows_;
  const std::optional<Learnt> learnt_;
};

}  // namespace composer
