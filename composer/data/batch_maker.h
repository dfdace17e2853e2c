#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "composer/core/tensor_dict.h"

namespace composer {

/// Makes batches of chosen samples. Constant once made, and called from several threads at once: a
/// batch is a function of the arguments alone.
class BatchMaker {
 public:
  virtual ~BatchMaker() = default;

  /// How many samples there are to choose from.
  virtual int64_t size() const = 0;

  /// The samples in the order of `indices`, which may repeat; what is random in a sample is a
  /// function of (seed, epoch, index). Throws, with the sample, its file and place, when one cannot
  /// be read.
  virtual Batch make(absl::Span<const int64_t> indices, int64_t epoch) const = 0;

  /// In messages: "fashion_mnist (train)".
  virtual std::string name() const = 0;

  /// What a sample takes of one thread's time, roughly, judged by its size; nothing where a sample
  /// is read from a file or made by code that nobody knows. For the number of workers alone.
  virtual std::optional<double> nanoseconds_per_sample() const { return std::nullopt; }

  /// The text of Dataset::learnt, which a run keeps.
  virtual std::optional<std::string> learnt() const { return std::nullopt; }
};

}  // namespace composer
