#include "composer/optim/rmsprop.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/cpu_kernel.h"
#include "proto/optimizer.pb.h"

namespace composer {
namespace {

std::vector<std::string> state_kinds(const RmsPropOptions& options) {
  TORCH_CHECK_VALUE(options.alpha >= 0 && options.alpha <= 1,
                    "RmsProp's alpha must be in [0, 1], not ", options.alpha);
  TORCH_CHECK_VALUE(options.eps >= 0, "RmsProp's eps must not be negative, it is ", options.eps);
  TORCH_CHECK_VALUE(options.momentum >= 0 && options.momentum < 1,
                    "RmsProp's momentum must be in [0, 1), not ", options.momentum);
  std::vector<std::string> kinds = {"square_avg"};
  if (options.centered) kinds.push_back("grad_avg");
  if (options.momentum > 0) kinds.push_back("momentum_buffer");
  return kinds;
}

template <bool kCentered, bool kMomentum>
struct Kernel {
  static constexpr size_t kStates = 1 + kCentered + kMomentum;

  RmsPropOptions options;
  double lr;
  double weight_decay;

  template <typename M>
  void operator()(M& value, M gradient, std::array<M, kStates>& state) const {
    const M fresh = static_cast<M>(1 - options.alpha);
    gradient += static_cast<M>(weight_decay) * value;
    state[0] = static_cast<M>(options.alpha) * state[0] + fresh * (gradient * gradient);
    M size = state[0];
    if constexpr (kCentered) {
      state[1] += fresh * (gradient - state[1]);
      size -= state[1] * state[1];
      size = size < 0 ? 0 : size;  // by rounding, as when every gradient is the same
    }
    M step = gradient / (std::sqrt(size) + static_cast<M>(options.eps));
    if constexpr (kMomentum) {
      M& buffer = state[kStates - 1];
      buffer = static_cast<M>(options.momentum) * buffer + step;
      step = buffer;
    }
    value -= static_cast<M>(lr) * step;
  }
};

}  // namespace

RmsProp::RmsProp(std::vector<NamedParameter> parameters, RmsPropOptions options)
    : RmsProp(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
              options) {}

RmsProp::RmsProp(std::vector<ParameterGroup> groups, RmsPropOptions options)
    : FusedOptimizer(std::move(groups), state_kinds(options), Steps::kCounted), options_(options) {}

void RmsProp::apply(Bucket& bucket, const ParameterGroup& group) {
  if (bucket.on_device) {
    apply_on_device(bucket, group);
    return;
  }
  const auto run = [&](auto kernel) {
    for_each_value<decltype(kernel)::kStates>(bucket.parameters, bucket.gradients, bucket.state,
                                              kernel);
  };
  const double lr = group.lr, decay = group.weight_decay;
  if (options_.centered) {
    options_.momentum > 0 ? run(Kernel<true, true>{options_, lr, decay})
                          : run(Kernel<true, false>{options_, lr, decay});
  } else {
    options_.momentum > 0 ? run(Kernel<false, true>{options_, lr, decay})
                          : run(Kernel<false, false>{options_, lr, decay});
  }
}

void RmsProp::apply_on_device(Bucket& bucket, const ParameterGroup& group) {
  std::vector<at::Tensor> gradients = bucket.gradients;
  if (group.weight_decay != 0) {
    gradients = at::_foreach_add(gradients, bucket.parameters, group.weight_decay);
  }
  const std::vector<at::Tensor>& squares = bucket.state[0];
  at::_foreach_mul_(squares, options_.alpha);
  at::_foreach_addcmul_(squares, gradients, gradients, 1 - options_.alpha);
  std::vector<at::Tensor> sizes;
  if (options_.centered) {
    const std::vector<at::Tensor>& means = bucket.state[1];
    at::_foreach_lerp_(means, gradients, 1 - options_.alpha);
    sizes = at::_foreach_addcmul(squares, means, means, -1);
    at::_foreach_clamp_min_(sizes, 0);
    at::_foreach_sqrt_(sizes);
  } else {
    sizes = at::_foreach_sqrt(squares);
  }
  at::_foreach_add_(sizes, options_.eps);
  std::vector<at::Tensor> steps;
  if (options_.momentum > 0) {
    const std::vector<at::Tensor>& buffers = bucket.state.back();
    at::_foreach_mul_(buffers, options_.momentum);
    at::_foreach_addcdiv_(buffers, gradients, sizes);
    steps = at::_foreach_mul(buffers, bucket.lr);
  } else {
    steps = at::_foreach_div(gradients, sizes);
    at::_foreach_mul_(steps, bucket.lr);
  }
  at::_foreach_sub_(bucket.parameters, steps);
}

OptimizerFactory rmsprop(RmsPropOptions options, Grouping grouping) {
  return grouped_factory<RmsProp>(options, std::move(grouping));
}

namespace {

struct ConfiguredRmsProp {
  using Config = config::RmsProp;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    const OptimizerFactory factory = rmsprop({.lr = config.lr(),
                                              .alpha = config.alpha(),
                                              .eps = config.eps(),
                                              .weight_decay = config.weight_decay(),
                                              .momentum = config.momentum(),
                                              .centered = config.centered()},
                                             grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredRmsProp);

}  // namespace
}  // namespace composer
