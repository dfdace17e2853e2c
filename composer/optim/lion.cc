#include "composer/optim/lion.h"

#include <ATen/ATen.h>

#include <array>
#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/adam_settings.h"
#include "composer/optim/cpu_kernel.h"
#include "proto/optimizer.pb.h"

namespace composer {
namespace {

std::vector<std::string> state_kinds(const LionOptions& options) {
  check_betas("Lion", options);
  return {"exp_avg"};
}

struct Kernel {
  LionOptions options;
  double lr;
  double weight_decay;

  template <typename M>
  void operator()(M& value, M gradient, std::array<M, 1>& state) const {
    const M direction =
        static_cast<M>(options.beta1) * state[0] + static_cast<M>(1 - options.beta1) * gradient;
    M sign = direction > 0 ? 1 : 0;
    sign = direction < 0 ? -1 : sign;
    sign = direction != direction ? direction : sign;  // NaN stays NaN
    value = value * static_cast<M>(1 - lr * weight_decay) - static_cast<M>(lr) * sign;
    state[0] =
        static_cast<M>(options.beta2) * state[0] + static_cast<M>(1 - options.beta2) * gradient;
  }
};

}  // namespace

Lion::Lion(std::vector<NamedParameter> parameters, LionOptions options)
    : Lion(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
           options) {}

Lion::Lion(std::vector<ParameterGroup> groups, LionOptions options)
    : FusedOptimizer(std::move(groups), state_kinds(options), Steps::kCounted), options_(options) {}

void Lion::apply(Bucket& bucket, const ParameterGroup& group) {
  const std::vector<at::Tensor>& averages = bucket.state[0];
  if (!bucket.on_device) {
    for_each_value<1>(bucket.parameters, bucket.gradients, bucket.state,
                      Kernel{options_, group.lr, group.weight_decay});
    return;
  }
  std::vector<at::Tensor> steps = at::_foreach_mul(averages, options_.beta1);
  at::_foreach_add_(steps, bucket.gradients, 1 - options_.beta1);
  at::_foreach_sign_(steps);
  if (group.weight_decay != 0) at::_foreach_add_(steps, bucket.parameters, group.weight_decay);
  at::_foreach_mul_(steps, bucket.lr);
  at::_foreach_sub_(bucket.parameters, steps);
  at::_foreach_mul_(averages, options_.beta2);
  at::_foreach_add_(averages, bucket.gradients, 1 - options_.beta2);
}

OptimizerFactory lion(LionOptions options, Grouping grouping) {
  return grouped_factory<Lion>(options, std::move(grouping));
}

namespace {

struct ConfiguredLion {
  using Config = config::Lion;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    const OptimizerFactory factory = lion({.lr = config.lr(),
                                           .beta1 = config.beta1(),
                                           .beta2 = config.beta2(),
                                           .weight_decay = config.weight_decay()},
                                          grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredLion);

}  // namespace
}  // namespace composer
