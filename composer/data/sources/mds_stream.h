#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "composer/data/dataset.h"
#include "composer/data/iterable_dataset.h"
#include "composer/data/sources/mds_samples.h"

namespace composer {

/// The samples of Mds, shard after shard: a file is a shard. Passing over records costs nothing.
class MdsStream final : public IterableDataset {
 public:
  using Config = config::Mds;

  /// Errors are those of Mds.
  static absl::StatusOr<std::shared_ptr<MdsStream>> create(const Config& config);

  int64_t num_files() const override { return samples_->folder().num_shards(); }
  std::optional<int64_t> num_records(int64_t file) const override;
  std::unique_ptr<RecordReader> open(int64_t file) const override;
  std::string name() const override { return dataset_->name(); }

 private:
  MdsStream(std::shared_ptr<const Dataset> dataset, std::shared_ptr<const MdsSamples> samples)
      : dataset_(std::move(dataset)), samples_(std::move(samples)) {}

  const std::shared_ptr<const Dataset> dataset_;
  const std::shared_ptr<const MdsSamples> samples_;
};

}  // namespace composer
