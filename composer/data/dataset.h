#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "composer/core/tensor_dict.h"

namespace composer {

class Sampler;

struct Learnt {
  /// A text that the run keeps, and that the same kind of dataset reads back.
  std::string text;
  /// Whether it comes from these very samples, which is right for training alone.
  bool from_own_samples = false;
};

/// Samples by index. Constant once made: the methods may be called from several threads at once,
/// and a sample is a function of its index alone. What cannot be read throws, with the file and the
/// position in the message.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;

  /// Tensors by name, without a batch dimension; 0 <= index < size().
  virtual TensorDict get(int64_t index) const = 0;

  /// The samples as one batch, in the order of `indices`, which may repeat. By default `get` for
  /// each, then `collate`; an error names the sample.
  virtual Batch get_batch(absl::Span<const int64_t> indices) const;

  /// In messages: "fashion_mnist (train)".
  virtual std::string name() const = 0;

  /// What was learnt from data and is needed to read other splits alike: categories, means.
  virtual std::optional<Learnt> learnt() const { return std::nullopt; }

  /// The order that its samples come in, where the dataset has one of its own, as mixtures do; a
  /// loader then has no choice but `shuffle`. Null for all others.
  virtual std::unique_ptr<Sampler> make_sampler(uint64_t seed, bool shuffle) const;
};

/// A dataset whose natural step is a batch: data in memory costs one gather.
class BatchedDataset : public Dataset {
 public:
  Batch get_batch(absl::Span<const int64_t> indices) const override = 0;

  /// A batch of one, without its first dimension.
  TensorDict get(int64_t index) const final;
};

}  // namespace composer
