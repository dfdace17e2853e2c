#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "absl/types/span.h"
#include "composer/core/optimizer.h"

namespace composer {

/// What mixed precision does to a loss and its gradients. This one does nothing: fp32.
class GradScaler : public Stateful {
 public:
  /// The loss to call backward on.
  virtual at::Tensor scale(const at::Tensor& loss) { return loss; }
  /// Undoes the scale in the gradients, before algorithms see them at after_train_batch.
  virtual void unscale(absl::Span<const std::unique_ptr<Optimizer>> optimizers) {}
};

}  // namespace composer
