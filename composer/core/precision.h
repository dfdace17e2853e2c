#pragma once

namespace composer {

/// What a step computes in.
enum class Precision {
  /// float32 throughout.
  kFp32,
  /// float32 parameters; forward and loss under autocast to bfloat16.
  kAmpBf16,
  /// float32 parameters; forward and loss under autocast to float16, and a loss that is scaled so
  /// that small gradients are not lost.
  kAmpFp16,
  /// Parameters, gradients and the optimizer's state in bfloat16.
  kBf16,
};

}  // namespace composer
