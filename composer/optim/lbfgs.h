#pragma once

#include <cstdint>
#include <optional>

#include "composer/core/optimizer.h"

namespace composer {

struct LbfgsOptions {
  double lr = 1;
  /// Iterations of a step.
  int64_t max_iter = 20;
  /// Evaluations of the loss in a step; max_iter * 5 / 4 when left out.
  std::optional<int64_t> max_eval = {};
  /// A step ends when no gradient is larger.
  double tolerance_grad = 1e-7;
  /// A step ends when parameters or loss change less.
  double tolerance_change = 1e-9;
  /// Updates that the curvature is estimated from.
  int64_t history_size = 100;
  /// Looks for steps that fulfil the strong Wolfe conditions (Nocedal and Wright, 2006, algorithm
  /// 3.5); otherwise every step is the direction times lr.
  bool strong_wolfe = false;
};

/// Makes an optimizer by limited-memory BFGS (Liu and Nocedal, 1989) when the parameters are known:
/// torch::optim::LBFGS, with all parameters in one group. It evaluates the loss repeatedly, so it
/// is stepped with a closure, and waits for the device.
OptimizerFactory lbfgs(LbfgsOptions options);

}  // namespace composer
