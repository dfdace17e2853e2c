#include "composer/optim/decoupled_adamw.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_fused_adamw.h>

#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/adam_settings.h"
#include "composer/optim/decoupled_decay.h"
#include "proto/optimizer.pb.h"

namespace composer {

DecoupledAdamW::DecoupledAdamW(std::vector<NamedParameter> parameters,
                               DecoupledAdamWOptions options)
    : DecoupledAdamW(
          std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
          options) {}

DecoupledAdamW::DecoupledAdamW(std::vector<ParameterGroup> groups, DecoupledAdamWOptions options)
    : FusedOptimizer(std::move(groups), adam_state_kinds("DecoupledAdamW", options),
                     Steps::kCounted),
      options_(options) {
  check_decoupled_decay(this->groups(), "DecoupledAdamW", "AdamW");
}

void DecoupledAdamW::apply(Bucket& bucket, const ParameterGroup& group) {
  // The kernel multiplies this by lr.
  double decay_for_lr = group.weight_decay / group.initial_lr;
  if (group.initial_lr == 0) {
    decay_for_lr = 0;
    if (bucket.found_inf) {
      at::_foreach_mul_(bucket.parameters, 1 - (1 - *bucket.found_inf) * group.weight_decay);
    } else {
      at::_foreach_mul_(bucket.parameters, 1 - group.weight_decay);
    }
  }
  const at::TensorList largest = options_.amsgrad ? bucket.state[2] : at::TensorList();
  const auto call = [&](const auto& lr) {
    at::_fused_adamw_(bucket.parameters, bucket.gradients, bucket.state[0], bucket.state[1],
                      largest, bucket.steps, lr, options_.beta1, options_.beta2, decay_for_lr,
                      options_.eps, options_.amsgrad, /*maximize=*/false, /*grad_scale=*/{},
                      bucket.found_inf);
  };
  bucket.on_device ? call(bucket.lr) : call(group.lr);
}

OptimizerFactory decoupled_adamw(DecoupledAdamWOptions options, Grouping grouping) {
  return grouped_factory<DecoupledAdamW>(options, std::move(grouping));
}

namespace {

struct ConfiguredDecoupledAdamW {
  using Config = config::DecoupledAdamW;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    const OptimizerFactory factory =
        decoupled_adamw(adam_options<DecoupledAdamWOptions>(config), grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredDecoupledAdamW);

}  // namespace
}  // namespace composer
