#pragma once

#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct DecoupledAdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 1e-5;
  /// Divide by the largest second moment so far (Reddi et al., 2018).
  bool amsgrad = false;
};

/// Adam with weight decay that does not depend on the learning rate (Loshchilov and Hutter, 2017,
/// arXiv:1711.05101) with the arithmetic and the defaults of Composer's DecoupledAdamW, on ATen's
/// fused kernel. t counts a parameter's own updates:
///
///   p = p - lr / initial_lr * weight_decay * p
///   m = beta1 * m + (1 - beta1) * gradient
///   v = beta2 * v + (1 - beta2) * gradient^2
///   p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)
///
/// So the decay follows the schedule, but is not multiplied by the learning rate: AdamW's decay d
/// is d * initial_lr here, and every step at the initial rate takes `weight_decay` of the weights
/// away. In a group whose initial learning rate is 0 the decay is `weight_decay`.
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class DecoupledAdamW final : public FusedOptimizer {
 public:
  DecoupledAdamW(std::vector<NamedParameter> parameters, DecoupledAdamWOptions options);
  DecoupledAdamW(std::vector<ParameterGroup> groups, DecoupledAdamWOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;
  bool kernel_heeds_found_inf() const override { return true; }

  const DecoupledAdamWOptions options_;
};

/// Makes a DecoupledAdamW when the parameters are known.
OptimizerFactory decoupled_adamw(DecoupledAdamWOptions options, Grouping grouping = {});

}  // namespace composer
