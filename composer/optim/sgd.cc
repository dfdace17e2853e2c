#include "composer/optim/sgd.h"

#include <ATen/ops/_fused_sgd.h>

#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/sgd_kernel.h"
#include "composer/optim/sgd_settings.h"
#include "proto/optimizer.pb.h"

namespace composer {

Sgd::Sgd(std::vector<NamedParameter> parameters, SgdOptions options)
    : Sgd(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
          options) {}

Sgd::Sgd(std::vector<ParameterGroup> groups, SgdOptions options)
    : FusedOptimizer(std::move(groups), sgd_state_kinds("SGD", options), Steps::kFirst),
      options_(options) {}

void Sgd::apply(Bucket& bucket, const ParameterGroup& group) {
  const bool first = bucket.updates == 0;
  if (!bucket.on_device && c10::isReducedFloatingType(bucket.parameters[0].scalar_type())) {
    // ATen 2.11's kernel for the CPU leaves most half precision parameters as they are.
    sgd_on_cpu(bucket.parameters, bucket.gradients, bucket.state,
               {.lr = group.lr,
                .weight_decay = group.weight_decay,
                .momentum = options_.momentum,
                .past = first ? 0 : options_.momentum,
                .present = first ? 1 : 1 - options_.dampening,
                .nesterov = options_.nesterov});
    return;
  }
  const at::TensorList momentum = bucket.state.empty() ? at::TensorList() : bucket.state[0];
  const auto call = [&](const auto& lr) {
    at::_fused_sgd_(bucket.parameters, bucket.gradients, momentum, group.weight_decay,
                    options_.momentum, lr, options_.dampening, options_.nesterov,
                    /*maximize=*/false, first, /*grad_scale=*/{}, bucket.found_inf);
  };
  bucket.on_device ? call(bucket.lr) : call(group.lr);
}

OptimizerFactory sgd(SgdOptions options, Grouping grouping) {
  return grouped_factory<Sgd>(options, std::move(grouping));
}

namespace {

struct ConfiguredSgd {
  using Config = config::Sgd;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    COMPOSER_ASSIGN_OR_RETURN(const SgdOptions options, sgd_options<SgdOptions>(config));
    const OptimizerFactory factory = sgd(options, grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredSgd);

}  // namespace
}  // namespace composer
