#include "composer/core/step_check.h"

#include <ATen/ops/maximum.h>

namespace composer {

at::Tensor any_failed(absl::Span<const StepCheck> checks) {
  at::Tensor any;
  for (const StepCheck& check : checks) {
    if (!any.defined()) {
      any = check.failed;
    } else if (!any.is_cpu()) {
      any = at::maximum(any, check.failed);
    } else if (!is_set(any)) {
      any = check.failed;
    }
  }
  return any;
}

}  // namespace composer
