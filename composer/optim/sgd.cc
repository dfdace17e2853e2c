#include "composer/optim/sgd.h"

#include <ATen/ops/_fused_sgd.h>

#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/sgd_kernel.h"
#include "proto/optimizer.pb.h"

namespace composer {
namespace {

std::vector<std::string> state_kinds(const SgdOptions& options) {
  TORCH_CHECK_VALUE(options.momentum >= 0 && options.momentum < 1,
                    "SGD's momentum must be in [0, 1), not ", options.momentum);
  TORCH_CHECK_VALUE(!options.nesterov || (options.momentum > 0 && options.dampening == 0),
                    "SGD with nesterov needs a momentum and no dampening");
  if (options.momentum == 0) return {};
  return {"momentum_buffer"};
}

}  // namespace

Sgd::Sgd(std::vector<NamedParameter> parameters, SgdOptions options)
    : Sgd(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
          options) {}

Sgd::Sgd(std::vector<ParameterGroup> groups, SgdOptions options)
    : FusedOptimizer(std::move(groups), state_kinds(options), Steps::kFirst), options_(options) {}

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
    if (config.nesterov() && (config.momentum() == 0 || config.dampening() != 0)) {
      return field_error("nesterov", "nesterov needs a momentum above 0 and a dampening of 0");
    }
    const OptimizerFactory factory = sgd({.lr = config.lr(),
                                          .momentum = config.momentum(),
                                          .dampening = config.dampening(),
                                          .weight_decay = config.weight_decay(),
                                          .nesterov = config.nesterov()},
                                         grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredSgd);

}  // namespace
}  // namespace composer
