#include "composer/optim/sgd_kernel.h"

#include <array>

#include "composer/optim/cpu_kernel.h"

namespace composer {

void sgd_on_cpu(const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& gradients,
                const std::vector<std::vector<at::Tensor>>& state, const SgdStep& step) {
  if (state.empty()) {
    for_each_value<0>(parameters, gradients, state, [step](auto& value, auto gradient, auto&) {
      using M = decltype(gradient);
      gradient += static_cast<M>(step.weight_decay) * value;
      value = value * static_cast<M>(step.keep) - static_cast<M>(step.lr) * gradient;
    });
    return;
  }
  // Without a branch in the loop: the direction is `own` of the gradient and `kept` of the buffer.
  const double own = step.nesterov ? 1 : 0, kept = step.nesterov ? step.momentum : 1;
  for_each_value<1>(
      parameters, gradients, state, [step, own, kept](auto& value, auto gradient, auto& buffer) {
        using M = decltype(gradient);
        gradient += static_cast<M>(step.weight_decay) * value;
        buffer[0] = static_cast<M>(step.past) * buffer[0] + static_cast<M>(step.present) * gradient;
        value = value * static_cast<M>(step.keep) -
                static_cast<M>(step.lr) *
                    (static_cast<M>(own) * gradient + static_cast<M>(kept) * buffer[0]);
      });
}

}  // namespace composer
