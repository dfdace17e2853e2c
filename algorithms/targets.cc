#include "algorithms/targets.h"

#include <ATen/ATen.h>

namespace composer {

bool are_classes(const at::Tensor& logits, const at::Tensor& targets) {
  if (targets.sizes() == logits.sizes()) return false;
  const bool one_dimension_less = targets.dim() + 1 == logits.dim();
  TORCH_CHECK_VALUE(one_dimension_less, "targets of shape ", targets.sizes(),
                    " do not belong to logits of shape ", logits.sizes(),
                    "; expected classes, the logits' shape without its second dimension, or a "
                    "weight for each class, the logits' shape");
  TORCH_CHECK_VALUE(at::isIntegralType(targets.scalar_type(), /*includeBool=*/false),
                    "classes are integers, not ", targets.scalar_type());
  return true;
}

at::Tensor dense_targets(const at::Tensor& logits, const at::Tensor& targets) {
  const at::ScalarType type = logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  if (!are_classes(logits, targets)) return targets.to(type);
  // On a GPU scatter_ checks the classes without waiting for them.
  if (targets.is_cpu() && targets.numel() > 0) {
    const int64_t largest = targets.max().item<int64_t>();
    TORCH_CHECK_VALUE(largest < logits.size(1), "a target is of class ", largest,
                      ", and the model knows classes 0 to ", logits.size(1) - 1);
  }
  const at::Tensor index = targets.unsqueeze(1).to(at::kLong);
  return at::zeros(logits.sizes(), logits.options().dtype(type))
      .scatter_(1, index.clamp_min(0), index.ge(0).to(type));
}

const at::Tensor& logits_of(const Outputs& outputs, absl::string_view algorithm) {
  if (const at::Tensor* logits = outputs.find("logits")) return *logits;
  TORCH_CHECK_NOT_IMPLEMENTED(outputs.size() == 1, algorithm,
                              " acts on the targets of one output, and the model gives ",
                              outputs.size(), ", none of them called \"logits\"");
  return outputs.begin()->second;
}

}  // namespace composer
