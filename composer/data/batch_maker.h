#pragma once

#include <cstdint>
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
};

}  // namespace composer
