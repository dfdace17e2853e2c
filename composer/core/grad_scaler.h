#pragma once

#include <ATen/core/Tensor.h>

#include "composer/core/optimizer.h"

namespace composer {

/// What mixed precision does to a loss and its gradients. This one does nothing: fp32.
class GradScaler : public Stateful {
 public:
  /// The loss to call backward on.
  virtual at::Tensor scale(const at::Tensor& loss) { return loss; }

  /// Undoes the scale in the gradients of `optimizer`, before algorithms see them at
  /// after_train_batch. Returns a StepCheck's flag, 1 when a gradient is not finite; undefined when
  /// they are not looked at. Called once for each optimizer in a step, and again when an optimizer
  /// asks for the loss again.
  virtual at::Tensor unscale(Optimizer& optimizer) { return {}; }

  /// True where gradients that are not finite are how a scale is found, rather than a fault.
  virtual bool expects_overflow() const { return false; }

  /// Adapts the scale to what `unscale` found in this step; called after the updates.
  virtual void update() {}
};

}  // namespace composer
