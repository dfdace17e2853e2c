#include "composer/optim/decoupled_decay.h"

#include "composer/base/logging.h"

namespace composer {

double decoupled_decay(const ParameterGroup& group) {
  return group.initial_lr == 0 ? group.weight_decay
                               : group.weight_decay * (group.lr / group.initial_lr);
}

void check_decoupled_decay(const std::vector<ParameterGroup>& groups, const char* name,
                           const char* counterpart) {
  for (const ParameterGroup& group : groups) {
    TORCH_CHECK_VALUE(group.weight_decay <= 1, name,
                      "'s weight decay is the part of the weights that ",
                      "a step takes away, so it cannot be above 1; it is ", group.weight_decay);
    if (group.weight_decay < 1e-3 || group.parameters.empty()) continue;
    LOG(WARNING) << name << " with weight decay " << group.weight_decay
                 << " multiplies the weights by " << 1 - group.weight_decay
                 << " at every step: its decay is not multiplied by the learning rate; the "
                 << group.weight_decay << " of " << counterpart << " is "
                 << group.weight_decay * group.initial_lr << " here";
  }
}

}  // namespace composer
