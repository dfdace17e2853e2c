#pragma once

#include <map>
#include <string>

#include "composer/core/state_dict.h"

namespace composer {

/// A copy of a StateDict in memory that is kept for the next copy, whose tensors are mostly of the
/// same names, shapes and types. Fresh memory would take longer than the copying: the system zeroes
/// each page of it first.
class KeptCopy {
 public:
  /// Copies on the calling thread's ATen threads. The copy's tensors are row-major, on the CPU, and
  /// valid until the next call. Tensors that share their memory share it in the copy too. A tensor
  /// that is not dense is not copied but shared. Throws what LibTorch throws.
  StateDict copy(const StateDict& live);

 private:
  // By their paths in the state.
  std::map<std::string, at::Tensor> memory_;
};

}  // namespace composer
