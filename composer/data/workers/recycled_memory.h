#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/MemoryFormat.h>

#include <memory>

namespace composer {

/// Gives tensors whose memory comes back when the last of their views is gone, and is given again:
/// large memory that is allocated anew costs a page fault for each 4 KB that is written. Keeps as
/// much as was ever in use at once. Tensors may outlive it, and may be freed by any thread.
class RecycledMemory {
 public:
  RecycledMemory();

  /// Floats that are not initialised, row-major or channels-last.
  at::Tensor empty(at::IntArrayRef sizes, at::MemoryFormat format) const;

 private:
  struct Pool;

  std::shared_ptr<Pool> pool_;
};

}  // namespace composer
