#pragma once

#include <cstdint>

namespace composer::benchmarks {

/// Bytes of tensors on the CPU, counted in LibTorch's allocator.
class TensorMemory {
 public:
  /// Counts tensors that are allocated from now on, in the whole process.
  static void install();

  static int64_t now();
  /// The most there were since `reset_peak`.
  static int64_t peak();
  static void reset_peak();
};

}  // namespace composer::benchmarks
