#pragma once

#include <c10/core/Device.h>

#include "composer/core/tensor_dict.h"

namespace composer {

/// The batch in page-locked memory, from which the GPU `device` copies by itself.
Batch pinned_batch(const Batch& batch, at::Device device);

}  // namespace composer
