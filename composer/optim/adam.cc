#include "composer/optim/adam.h"

#include <ATen/ops/_fused_adam.h>

#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/adam_settings.h"
#include "proto/optimizer.pb.h"

namespace composer {

Adam::Adam(std::vector<NamedParameter> parameters, AdamOptions options)
    : Adam(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
           options) {}

Adam::Adam(std::vector<ParameterGroup> groups, AdamOptions options)
    : FusedOptimizer(std::move(groups), adam_state_kinds("Adam", options), Steps::kCounted),
      options_(options) {}

void Adam::apply(Bucket& bucket, const ParameterGroup& group) {
  const at::TensorList largest = options_.amsgrad ? bucket.state[2] : at::TensorList();
  const auto call = [&](const auto& lr) {
    at::_fused_adam_(bucket.parameters, bucket.gradients, bucket.state[0], bucket.state[1], largest,
                     bucket.steps, lr, options_.beta1, options_.beta2, group.weight_decay,
                     options_.eps, options_.amsgrad, /*maximize=*/false, /*grad_scale=*/{},
                     bucket.found_inf);
  };
  bucket.on_device ? call(bucket.lr) : call(group.lr);
}

OptimizerFactory adam(AdamOptions options, Grouping grouping) {
  return grouped_factory<Adam>(options, std::move(grouping));
}

namespace {

struct ConfiguredAdam {
  using Config = config::Adam;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    const OptimizerFactory factory = adam(adam_options<AdamOptions>(config), grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredAdam);

}  // namespace
}  // namespace composer
