#include "composer/core/optimizer.h"

namespace composer {

at::Tensor Optimizer::step(const LossClosure& closure) {
  at::Tensor loss = closure();
  if (loss.defined()) update();
  return loss;
}

void Optimizer::update() {
  if (!heeds_found_inf() && found_inf_on_host()) return;
  update_parameters();
}

bool Optimizer::found_inf_on_host() const {
  if (!found_inf_.defined()) return false;
  const float found =
      found_inf_.is_cpu() ? *found_inf_.const_data_ptr<float>() : found_inf_.item<float>();
  return found != 0;
}

void Optimizer::zero_grad() {
  for (ParameterGroup& group : groups()) {
    for (NamedParameter& parameter : group.parameters) parameter.tensor.mutable_grad().reset();
  }
}

}  // namespace composer
