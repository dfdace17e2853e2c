#pragma once

#include <ATen/core/Tensor.h>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace composer {

/// A reason why a step may not count. Whether it holds is in a flag on the model's device, so that
/// nobody waits for it: the optimizers look at it there, the host reads it later.
struct StepCheck {
  /// "a gradient is not finite"; of static storage.
  absl::string_view reason;
  /// A scalar of float32: 1 when the step does not count, else 0.
  at::Tensor failed;
  /// The step is left out, and that is no fault of it: a loss scale has to be found. Policies for
  /// bad steps do not apply.
  bool expected = false;
};

/// A flag that is 1 when any check failed; undefined when there are none. On the CPU it is the flag
/// of one of them, so it holds only as long as theirs.
at::Tensor any_failed(absl::Span<const StepCheck> checks);

/// What a flag on the CPU says. REQUIRES: defined.
inline bool is_set(const at::Tensor& flag) { return *flag.const_data_ptr<float>() != 0; }

}  // namespace composer
