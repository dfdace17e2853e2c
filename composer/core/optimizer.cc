#include "composer/core/optimizer.h"

namespace composer {

at::Tensor Optimizer::step(const LossClosure& closure) {
  at::Tensor loss = closure();
  if (loss.defined()) update();
  return loss;
}

void Optimizer::zero_grad() {
  for (ParameterGroup& group : groups()) {
    for (NamedParameter& parameter : group.parameters) parameter.tensor.mutable_grad().reset();
  }
}

}  // namespace composer
