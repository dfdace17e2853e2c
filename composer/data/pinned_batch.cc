#include "composer/data/pinned_batch.h"

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>

namespace composer {

Batch pinned_batch(const Batch& batch, at::Device device) {
  // Else it is the first GPU that gets a context, whichever trains.
  const c10::DeviceGuard on_device(device);
  Batch result;
  for (const auto& [name, tensor] : batch) result.set(name, tensor.pin_memory());
  return result;
}

}  // namespace composer
