#include "composer/optim/adafactor.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "proto/optimizer.pb.h"

namespace composer {
namespace {

std::vector<std::string> state_kinds(const AdafactorOptions& options) {
  TORCH_CHECK_VALUE(options.beta2_decay <= 0,
                    "Adafactor's beta2_decay must not be positive, it is ", options.beta2_decay);
  TORCH_CHECK_VALUE(options.eps1.value_or(0) >= 0 && options.eps2 >= 0,
                    "Adafactor's eps1 and eps2 must not be negative");
  TORCH_CHECK_VALUE(options.clipping_threshold > 0,
                    "Adafactor's clipping_threshold must be positive, it is ",
                    options.clipping_threshold);
  return {"row_var", "col_var", "variance"};
}

double resolution(at::ScalarType type) {
  double epsilon = 0;
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, type, "adafactor", [&] {
    epsilon = static_cast<double>(std::numeric_limits<scalar_t>::epsilon());
  });
  return epsilon;
}

at::Tensor root_mean_square(const at::Tensor& tensor) {
  return at::norm(tensor) / std::sqrt(static_cast<double>(tensor.numel()));
}

// Without a tensor of the squares.
at::Tensor mean_square(const at::Tensor& tensor, int64_t dimension) {
  return at::norm(tensor, 2, {dimension}, /*keepdim=*/true)
      .square_()
      .div_(static_cast<double>(tensor.size(dimension)));
}

}  // namespace

Adafactor::Adafactor(std::vector<NamedParameter> parameters, AdafactorOptions options)
    : Adafactor(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
                options) {}

Adafactor::Adafactor(std::vector<ParameterGroup> groups, AdafactorOptions options)
    : FusedOptimizer(std::move(groups), state_kinds(options), Steps::kCounted), options_(options) {}

at::Tensor Adafactor::initial_state(size_t kind, const at::Tensor& parameter) const {
  const bool factored = parameter.dim() > 1;
  if (factored != (kind < 2)) return {};
  std::vector<int64_t> sizes = parameter.sizes().vec();
  if (factored) sizes[sizes.size() - (kind == 0 ? 1 : 2)] = 1;
  return at::zeros(sizes, parameter.options().requires_grad(false));
}

void Adafactor::apply(Bucket& bucket, const ParameterGroup& group) {
  const at::Tensor& step = bucket.steps[0];
  const at::Tensor lr = bucket.on_device ? bucket.lr : at::scalar_tensor(group.lr);
  const at::Tensor fresh = at::pow(step, options_.beta2_decay);
  const at::Tensor rate = at::minimum(lr, at::rsqrt(step));
  for (size_t i = 0; i < bucket.parameters.size(); ++i) {
    const at::Tensor &parameter = bucket.parameters[i], &gradient = bucket.gradients[i];
    if (parameter.numel() == 0) continue;
    const double eps1 = options_.eps1.value_or(resolution(parameter.scalar_type()));
    const at::Tensor fresh_here = fresh.to(parameter.scalar_type());
    const at::Tensor length = at::clamp_min(root_mean_square(parameter), options_.eps2) * rate;
    if (group.weight_decay != 0) parameter.mul_(1 - lr * group.weight_decay);

    at::Tensor variance;
    if (parameter.dim() > 1) {
      const at::Tensor &rows = bucket.state[0][i], &columns = bucket.state[1][i];
      rows.lerp_(mean_square(gradient, -1), fresh_here);
      columns.lerp_(mean_square(gradient, -2), fresh_here);
      variance = at::matmul(rows, columns);
      variance.div_(rows.mean({-2}, /*keepdim=*/true).clamp_min_(eps1));
    } else {
      bucket.state[2][i].lerp_(gradient * gradient, fresh_here);
      variance = bucket.state[2][i].clone();
    }
    const at::Tensor update = variance.clamp_min_(eps1 * eps1).rsqrt_().mul_(gradient);
    const at::Tensor excess =
        at::clamp_min(root_mean_square(update) / options_.clipping_threshold, 1);
    parameter.sub_(update.mul_(length / excess));
  }
}

OptimizerFactory adafactor(AdafactorOptions options, Grouping grouping) {
  return grouped_factory<Adafactor>(options, std::move(grouping));
}

namespace {

struct ConfiguredAdafactor {
  using Config = config::Adafactor;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    const OptimizerFactory factory =
        adafactor({.lr = config.lr(),
                   .beta2_decay = config.beta2_decay(),
                   .eps1 = config.has_eps1() ? std::optional(config.eps1()) : std::nullopt,
                   .eps2 = config.eps2(),
                   .clipping_threshold = config.clipping_threshold(),
                   .weight_decay = config.weight_decay()},
                  grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredAdafactor);

}  // namespace
}  // namespace composer
