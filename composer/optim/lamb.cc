#include "composer/optim/lamb.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/adam_settings.h"
#include "composer/optim/cpu_kernel.h"
#include "proto/optimizer.pb.h"

namespace composer {
namespace {

std::vector<std::string> state_kinds(const LambOptions& options) {
  check_betas("LAMB", options);
  TORCH_CHECK_VALUE(options.eps >= 0, "LAMB's eps must not be negative, it is ", options.eps);
  return {"exp_avg", "exp_avg_sq"};
}

// 1 - beta^step, without the cancellation that it has in float32.
at::Tensor correction(double beta, const at::Tensor& step) {
  return at::expm1(step * std::log(beta)).neg();
}

// The pieces are always the same, so that a sum does not depend on the number of threads.
constexpr int64_t kPiece = 4096;

struct Moments {
  double beta1;
  double beta2;
  double correction1;
  double correction2;
  double eps;
  double weight_decay;

  // The step for a value, before its length is adapted.
  template <typename M>
  M step(M value, M mean, M square) const {
    const M size = std::sqrt(square * static_cast<M>(correction2)) + static_cast<M>(eps);
    return mean * static_cast<M>(correction1) / size + static_cast<M>(weight_decay) * value;
  }
};

struct Squares {
  double value = 0;
  double step = 0;
};

// Updates the moments, and sums the squares of the values and of their steps.
template <typename T>
Squares advance(const T* values, const T* gradients, std::array<T*, 2> state, int64_t count,
                const Moments& given) {
  Squares result;
  run_vectorised([&] {
    using M = Computed<T>;
    const Moments moments = given;
    const T *const p = values, *const g = gradients;
    T *const means = state[0], *const squares = state[1];
    const int64_t last = count;
    M of_values = 0, of_steps = 0;
#pragma omp simd reduction(+ : of_values, of_steps)
    for (int64_t i = 0; i < last; ++i) {
      const M value = p[i], gradient = g[i];
      M mean = means[i], square = squares[i];
      mean += static_cast<M>(1 - moments.beta1) * (gradient - mean);
      square = static_cast<M>(moments.beta2) * square +
               static_cast<M>(1 - moments.beta2) * (gradient * gradient);
      means[i] = mean;
      squares[i] = square;
      const M step = moments.step(value, mean, square);
      of_values += value * value;
      of_steps += step * step;
    }
    result = {static_cast<double>(of_values), static_cast<double>(of_steps)};
  });
  return result;
}

template <typename T>
void move(T* values, std::array<T*, 2> state, int64_t count, double length, const Moments& given) {
  run_vectorised([&] {
    using M = Computed<T>;
    const Moments moments = given;
    T* const p = values;
    T *const means = state[0], *const squares = state[1];
    const int64_t last = count;
    const M rate = static_cast<M>(length);
#pragma GCC ivdep
    for (int64_t i = 0; i < last; ++i) {
      const M value = p[i];
      p[i] = value - rate * moments.step<M>(value, means[i], squares[i]);
    }
  });
}

// `sums`: two numbers for each piece; its contents do not matter.
template <typename T>
void update_tensor(const at::Tensor& parameter, const at::Tensor& gradient, std::array<T*, 2> state,
                   const Moments& moments, double lr, std::vector<double>& sums) {
  T* const values = parameter.mutable_data_ptr<T>();
  const T* const slopes = gradient.const_data_ptr<T>();
  const int64_t count = parameter.numel(), pieces = (count + kPiece - 1) / kPiece;
  if (static_cast<int64_t>(sums.size()) < 2 * pieces) sums.resize(2 * pieces);
  const auto at = [&](int64_t offset) { return std::array{state[0] + offset, state[1] + offset}; };
  at::parallel_for(0, pieces, kValuesPerThread / kPiece, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t offset = piece * kPiece;
      const Squares squares = advance(values + offset, slopes + offset, at(offset),
                                      std::min(kPiece, count - offset), moments);
      sums[2 * piece] = squares.value;
      sums[2 * piece + 1] = squares.step;
    }
  });
  Squares total;
  for (int64_t piece = 0; piece < pieces; ++piece) {
    total.value += sums[2 * piece];
    total.step += sums[2 * piece + 1];
  }
  const double ratio = total.value > 0 && total.step > 0 ? std::sqrt(total.value / total.step) : 1;
  at::parallel_for(0, count, kValuesPerThread, [&](int64_t begin, int64_t end) {
    move(values + begin, at(begin), end - begin, lr * ratio, moments);
  });
}

}  // namespace

Lamb::Lamb(std::vector<NamedParameter> parameters, LambOptions options)
    : Lamb(std::vector{single_group(std::move(parameters), options.lr, options.weight_decay)},
           options) {}

Lamb::Lamb(std::vector<ParameterGroup> groups, LambOptions options)
    : FusedOptimizer(std::move(groups), state_kinds(options), Steps::kCounted), options_(options) {}

void Lamb::apply(Bucket& bucket, const ParameterGroup& group) {
  if (bucket.on_device) {
    apply_on_device(bucket, group);
    return;
  }
  const double updates = static_cast<double>(bucket.updates + 1);
  const Moments moments{.beta1 = options_.beta1,
                        .beta2 = options_.beta2,
                        .correction1 = 1 / (1 - std::pow(options_.beta1, updates)),
                        .correction2 = 1 / (1 - std::pow(options_.beta2, updates)),
                        .eps = options_.eps,
                        .weight_decay = group.weight_decay};
  for (size_t i = 0; i < bucket.parameters.size(); ++i) {
    AT_DISPATCH_FLOATING_TYPES_AND2(
        at::kHalf, at::kBFloat16, bucket.parameters[i].scalar_type(), "lamb", [&] {
          update_tensor<scalar_t>(bucket.parameters[i], bucket.gradients[i],
                                  state_pointers<scalar_t, 2>(bucket.state, i), moments, group.lr,
                                  sums_);
        });
  }
}

void Lamb::apply_on_device(Bucket& bucket, const ParameterGroup& group) {
  const std::vector<at::Tensor>&means = bucket.state[0], &squares = bucket.state[1];
  at::_foreach_lerp_(means, bucket.gradients, 1 - options_.beta1);
  at::_foreach_mul_(squares, options_.beta2);
  at::_foreach_addcmul_(squares, bucket.gradients, bucket.gradients, 1 - options_.beta2);
  std::vector<at::Tensor> sizes =
      at::_foreach_div(squares, correction(options_.beta2, bucket.steps[0]));
  at::_foreach_sqrt_(sizes);
  at::_foreach_add_(sizes, options_.eps);
  std::vector<at::Tensor> steps =
      at::_foreach_div(means, correction(options_.beta1, bucket.steps[0]));
  at::_foreach_div_(steps, sizes);
  if (group.weight_decay != 0) at::_foreach_add_(steps, bucket.parameters, group.weight_decay);
  const at::Tensor lengths = at::stack(at::_foreach_norm(bucket.parameters));
  const at::Tensor step_lengths = at::stack(at::_foreach_norm(steps));
  const at::Tensor ratios =
      at::where((lengths > 0).logical_and(step_lengths > 0), lengths / step_lengths, 1.0);
  at::_foreach_mul_(steps, (ratios * bucket.lr).unbind());
  at::_foreach_sub_(bucket.parameters, steps);
}

OptimizerFactory lamb(LambOptions options, Grouping grouping) {
  return grouped_factory<Lamb>(options, std::move(grouping));
}

namespace {

struct ConfiguredLamb {
  using Config = config::Lamb;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    const OptimizerFactory factory = lamb({.lr = config.lr(),
                                           .beta1 = config.beta1(),
                                           .beta2 = config.beta2(),
                                           .eps = config.eps(),
                                           .weight_decay = config.weight_decay()},
                                          grouping_of(config));
    return factory(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredLamb);

}  // namespace
}  // namespace composer
