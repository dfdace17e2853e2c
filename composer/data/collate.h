#pragma once

#include "absl/types/span.h"
#include "composer/core/tensor_dict.h"

namespace composer {

/// Stacks samples into a batch, name by name, in the order of the first sample's names. Throws a
/// c10::ValueError that names the tensor and the sample's place in the batch when a sample has
/// other names, shapes or types than the first. Empty without samples.
Batch collate(absl::Span<const TensorDict> samples);

/// Makes samples into a batch. Constant: several threads at once. Throws when they do not fit
/// together.
class Collate {
 public:
  virtual ~Collate() = default;
  virtual Batch operator()(absl::Span<const TensorDict> samples) const = 0;
};

}  // namespace composer
