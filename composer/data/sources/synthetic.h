#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/dataset.h"

namespace composer {

namespace config {
class Synthetic;
}

/// Random samples, for measuring and for tests: a sample is a function of (seed, index). Sample i
/// is of class i mod num_classes; its `input`, float [N, shape...], is uniform noise of unit
/// variance around the class's mean, whose elements lie in [-1, 1).
///
/// With a vocabulary, `input_ids` [N, sequence] are uniform tokens and `labels`, of the same shape,
/// are token mod num_classes; both int64.
///
/// Up to 256 MB all samples are made once and a batch is one gather; beyond, each batch is made
/// when it is asked for, of the same values.
class Synthetic final : public BatchedDataset {
 public:
  using Config = config::Synthetic;
  static constexpr int64_t kMemoryLimit = int64_t{256} << 20;

  /// InvalidArgument with the field's name for counts below one and shapes that cannot be.
  static absl::StatusOr<std::shared_ptr<Synthetic>> create(const Config& config);
  static absl::StatusOr<std::shared_ptr<Synthetic>> create(const Config& config,
                                                           int64_t memory_limit);

  int64_t size() const override { return num_samples_; }
  Batch get_batch(absl::Span<const int64_t> indices) const override;
  std::string name() const override { return "synthetic"; }

 private:
  Synthetic(const Config& config, int64_t elements, int64_t memory_limit);

  // `count` samples, the i-th of them that of index `index_at(i)`.
  Batch make(int64_t count, absl::FunctionRef<int64_t(int64_t)> index_at) const;
  void fill(int64_t index, float* out) const;
  void fill_tokens(int64_t index, int64_t* tokens, int64_t* labels) const;

  const int64_t num_samples_;
  const int64_t num_classes_;
  const int64_t vocabulary_size_;
  const uint64_t seed_;
  const std::vector<int64_t> shape_;
  // Of one sample.
  const int64_t elements_;
  // All samples; empty when they are above the limit.
  Batch held_;
};

}  // namespace composer
