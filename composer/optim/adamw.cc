#include "composer/optim/adamw.h"

#include <ATen/ops/_fused_adamw.h>

#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/adam_settings.h"
#include "proto/optimizer.pb.h"

namespace composer {

AdamW::AdamW(std::vector<NamedParameter> parameters, AdamWOptions options)
    : AdamW(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
            options) {}

AdamW::AdamW(std::vector<ParameterGroup> groups, AdamWOptions options)
    : FusedOptimizer(std::move(groups), adam_state_kinds("AdamW", options), Steps::kCounted),
      options_(options) {}

void AdamW::apply(Bucket& bucket, const ParameterGroup& group) {
  const at::TensorList largest = options_.amsgrad ? bucket.state[2] : at::TensorList();
  const auto call = [&](const auto& lr) {
    at::_fused_adamw_(bucket.parameters, bucket.gradients, bucket.state[0], bucket.state[1],
                      largest, bucket.steps, lr, options_.beta1, options_.beta2, group.weight_decay,
                      options_.eps, options_.amsgrad, /*maximize=*/false, /*grad_scale=*/{},
                      bucket.found_inf);
  };
  bucket.on_device ? call(bucket.lr) : call(group.lr);
}

OptimizerFactory adamw(AdamWOptions options, Grouping grouping) {
  return grouped_factory<AdamW>(options, std::move(grouping));
}

namespace {

struct ConfiguredAdamW {
  using Config = config::AdamW;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    const OptimizerFactory factory = adamw(adam_options<AdamWOptions>(config), grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredAdamW);

}  // namespace
}  // namespace composer
