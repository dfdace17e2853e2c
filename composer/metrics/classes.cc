#include "composer/metrics/classes.h"

#include <c10/util/Exception.h>

namespace composer {

bool has_class_probabilities(const at::Tensor& outputs, const at::Tensor& targets) {
  TORCH_CHECK_VALUE(outputs.dim() >= 2, "outputs must be [batch, classes, ...], not ",
                    outputs.sizes());
  if (targets.sizes() == outputs.sizes()) return true;
  bool indices = targets.dim() == outputs.dim() - 1 && !targets.is_floating_point();
  for (int64_t i = 0; indices && i < targets.dim(); ++i) {
    indices = targets.size(i) == outputs.size(i == 0 ? 0 : i + 1);
  }
  TORCH_CHECK_VALUE(indices, "targets must be class indices (outputs' shape without dimension 1) ",
                    "or probabilities of the outputs' shape; the outputs are ", outputs.sizes(),
                    ", the targets ", targets.sizes(), " of ", targets.dtype());
  return false;
}

}  // namespace composer
