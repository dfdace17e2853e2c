#pragma once

#include "composer/core/loss.h"
#include "composer/core/optimizer.h"
#include "composer/core/state.h"
#include "composer/core/tensor_dict.h"

namespace composer {

class Logger;

/// What ComposerModel::train_step works with. Lent for the call.
class TrainStep {
 public:
  virtual ~TrainStep() = default;

  /// The state; its `batch` is the microbatch, on the model's device.
  virtual State& state() = 0;
  virtual Logger& logger() = 0;

  /// The model's forward of state().batch into state().outputs, between the events before_forward
  /// and after_forward.
  virtual const Outputs& forward() = 0;
  /// The model's loss of state().outputs into state().loss, between before_loss and after_loss.
  virtual const Loss& loss() = 0;
  /// Backward, for a model that updates itself, with the scale that the run's precision asks for.
  virtual void backward(const at::Tensor& loss) = 0;
  /// Update, for a model that updates itself: undoes that scale in the gradients of `optimizer`,
  /// checks them as the run asks for, and lets it update.
  virtual void update(Optimizer& optimizer) = 0;

  Optimizer& optimizer(size_t index) { return *state().optimizers.at(index); }
};

}  // namespace composer
