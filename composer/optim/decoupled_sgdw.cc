#include "composer/optim/decoupled_sgdw.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_fused_sgd.h>

#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/decoupled_decay.h"
#include "composer/optim/sgd_kernel.h"
#include "composer/optim/sgd_settings.h"
#include "proto/optimizer.pb.h"

namespace composer {

DecoupledSgdW::DecoupledSgdW(std::vector<NamedParameter> parameters, DecoupledSgdWOptions options)
    : DecoupledSgdW(
          std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
          options) {}

DecoupledSgdW::DecoupledSgdW(std::vector<ParameterGroup> groups, DecoupledSgdWOptions options)
    : FusedOptimizer(std::move(groups), sgd_state_kinds("DecoupledSgdW", options), Steps::kFirst),
      options_(options) {
  check_decoupled_decay(this->groups(), "DecoupledSgdW", "SGD");
}

void DecoupledSgdW::apply(Bucket& bucket, const ParameterGroup& group) {
  const bool first = bucket.updates == 0;
  if (bucket.on_device) {
    const at::TensorList momentum = bucket.state.empty() ? at::TensorList() : bucket.state[0];
    if (group.initial_lr == 0) {
      at::_foreach_mul_(bucket.parameters, 1 - group.weight_decay);
    } else if (group.weight_decay != 0) {
      at::_foreach_mul_(bucket.parameters, 1 - bucket.lr * (group.weight_decay / group.initial_lr));
    }
    at::_fused_sgd_(bucket.parameters, bucket.gradients, momentum, /*weight_decay=*/0,
                    options_.momentum, bucket.lr, options_.dampening, options_.nesterov,
                    /*maximize=*/false, first);
    return;
  }
  // At the first update the buffer becomes the gradient.
  sgd_on_cpu(bucket.parameters, bucket.gradients, bucket.state,
             {.lr = group.lr,
              .keep = 1 - decoupled_decay(group),
              .momentum = options_.momentum,
              .past = first ? 0 : options_.momentum,
              .present = first ? 1 : 1 - options_.dampening,
              .nesterov = options_.nesterov});
}

OptimizerFactory decoupled_sgdw(DecoupledSgdWOptions options, Grouping grouping) {
  return grouped_factory<DecoupledSgdW>(options, std::move(grouping));
}

namespace {

struct ConfiguredDecoupledSgdW {
  using Config = config::DecoupledSgdW;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    COMPOSER_ASSIGN_OR_RETURN(const DecoupledSgdWOptions options,
                              sgd_options<DecoupledSgdWOptions>(config));
    const OptimizerFactory factory = decoupled_sgdw(options, grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredDecoupledSgdW);

}  // namespace
}  // namespace composer
