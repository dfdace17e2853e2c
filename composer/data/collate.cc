#include "composer/data/collate.h"

#include "composer/data/samples.h"

namespace composer {

Batch collate(absl::Span<const TensorDict> samples) {
  Batch batch;
  if (samples.empty()) return batch;
  check_same_names(samples);
  for (const auto& [name, tensor] : samples.front()) {
    batch.set(name, stack_tensors(samples, name));
  }
  return batch;
}

}  // namespace composer
