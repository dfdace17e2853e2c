#pragma once

#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;
  /// Divide by the largest second moment so far (Reddi et al., 2018).
  bool amsgrad = false;
};

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2017, arXiv:1711.05101) with
/// torch.optim.AdamW's arithmetic, on ATen's fused kernel. t counts a parameter's own updates:
///
///   p = p - lr * weight_decay * p
///   m = beta1 * m + (1 - beta1) * gradient
///   v = beta2 * v + (1 - beta2) * gradient^2
///   p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class AdamW final : public FusedOptimizer {
 public:
  AdamW(std::vector<NamedParameter> parameters, AdamWOptions options);
  AdamW(std::vector<ParameterGroup> groups, AdamWOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;
  bool kernel_heeds_found_inf() const override { return true; }

  const AdamWOptions options_;
};

/// Makes an AdamW when the parameters are known.
OptimizerFactory adamw(AdamWOptions options, Grouping grouping = {});

}  // namespace composer
