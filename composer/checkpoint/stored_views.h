#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "composer/checkpoint/safetensors.h"

namespace composer {

/// Where a tensor's elements are.
struct StoredView {
  /// Its number in StoredViews::storages.
  size_t storage = 0;
  /// In elements.
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
};

struct StoredViews {
  /// To be written in row-major order. Views of the tensors' memory, on their device.
  std::vector<at::Tensor> storages;
  /// Of each tensor.
  std::vector<StoredView> views;
};

/// How tensors that share memory are written so that they share it again, and no byte that none of
/// them uses is written, gaps of at most their own size aside: tensors of one memory, on the CPU,
/// keep their strides in one storage; where they use less than half of it, or are elsewhere, each
/// distinct one gets a storage of its own.
StoredViews store_views(const NamedTensors& tensors);

}  // namespace composer
