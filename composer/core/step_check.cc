#include "composer/core/step_check.h"

#include <ATen/ops/maximum.h>

namespace composer {

at::Tensor any_failed(absl::Span<const StepCheck> checks) {
  at::Tensor any;
  for (const StepCheck& check : checks) {
    any = any.defined() ? at::maximum(any, check.failed) : check.failed;
  }
  return any;
}

}  // namespace composer
