#include "composer/optim/adagrad.h"

#include <ATen/ops/_fused_adagrad.h>
#include <ATen/ops/full_like.h>

#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "proto/optimizer.pb.h"

namespace composer {
namespace {

std::vector<std::string> state_kinds(const AdagradOptions& options) {
  TORCH_CHECK_VALUE(
      options.lr_decay >= 0 && options.initial_accumulator_value >= 0 && options.eps >= 0,
      "Adagrad's lr_decay, initial_accumulator_value and eps must not be negative; "
      "they are ",
      options.lr_decay, ", ", options.initial_accumulator_value, " and ", options.eps);
  return {"sum"};
}

}  // namespace

Adagrad::Adagrad(std::vector<NamedParameter> parameters, AdagradOptions options)
    : Adagrad(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
              options) {}

Adagrad::Adagrad(std::vector<ParameterGroup> groups, AdagradOptions options)
    : FusedOptimizer(std::move(groups), state_kinds(options), Steps::kCounted), options_(options) {}

at::Tensor Adagrad::initial_state(size_t kind, const at::Tensor& parameter) const {
  return at::full_like(parameter, options_.initial_accumulator_value);
}

void Adagrad::apply(Bucket& bucket, const ParameterGroup& group) {
  const auto call = [&](const auto& lr) {
    at::_fused_adagrad_(bucket.parameters, bucket.gradients, bucket.state[0], bucket.steps, lr,
                        options_.lr_decay, group.weight_decay, options_.eps, /*maximize=*/false,
                        /*grad_scale=*/{}, bucket.found_inf);
  };
  bucket.on_device ? call(bucket.lr) : call(group.lr);
}

OptimizerFactory adagrad(AdagradOptions options, Grouping grouping) {
  return grouped_factory<Adagrad>(options, std::move(grouping));
}

namespace {

struct ConfiguredAdagrad {
  using Config = config::Adagrad;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    const OptimizerFactory factory =
        adagrad({.lr = config.lr(),
                 .lr_decay = config.lr_decay(),
                 .weight_decay = config.weight_decay(),
                 .initial_accumulator_value = config.initial_accumulator_value(),
                 .eps = config.eps()},
                grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredAdagrad);

}  // namespace
}  // namespace composer
