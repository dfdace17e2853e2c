#include "composer/optim/adamw.h"

#include <ATen/ops/_fused_adamw.h>

#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "proto/optimizer.pb.h"

namespace composer {
namespace {

std::vector<std::string> state_kinds(const AdamWOptions& options) {
  TORCH_CHECK_VALUE(
      options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1,
      "AdamW's betas must be in [0, 1), not ", options.beta1, " and ", options.beta2);
  TORCH_CHECK_VALUE(options.eps >= 0, "AdamW's eps must not be negative, it is ", options.eps);
  std::vector<std::string> kinds = {"exp_avg", "exp_avg_sq"};
  if (options.amsgrad) kinds.push_back("max_exp_avg_sq");
  return kinds;
}

}  // namespace

AdamW::AdamW(std::vector<NamedParameter> parameters, AdamWOptions options)
    : AdamW(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
            options) {}

AdamW::AdamW(std::vector<ParameterGroup> groups, AdamWOptions options)
    : FusedOptimizer(std::move(groups), state_kinds(options), Steps::kCounted), options_(options) {}

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
    const OptimizerFactory factory = adamw({.lr = config.lr(),
                                            .beta1 = config.beta1(),
                                            .beta2 = config.beta2(),
                                            .eps = config.eps(),
                                            .weight_decay = config.weight_decay(),
                                            .amsgrad = config.amsgrad()},
                                           grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredAdamW);

}  // namespace
}  // namespace composer
