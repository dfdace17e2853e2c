#pragma once

#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  /// An L2 penalty: added to the gradient.
  double weight_decay = 0;
  /// Divide by the largest second moment so far (Reddi et al., 2018).
  bool amsgrad = false;
};

/// Adam (Kingma and Ba, 2014, arXiv:1412.6980) with torch.optim.Adam's arithmetic, on ATen's fused
/// kernel. t counts a parameter's own updates:
///
///   d = gradient + weight_decay * p
///   m = beta1 * m + (1 - beta1) * d
///   v = beta2 * v + (1 - beta2) * d^2
///   p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class Adam final : public FusedOptimizer {
 public:
  Adam(std::vector<NamedParameter> parameters, AdamOptions options);
  Adam(std::vector<ParameterGroup> groups, AdamOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;
  bool kernel_heeds_found_inf() const override { return true; }

  const AdamOptions options_;
};

/// Makes an Adam when the parameters are known.
OptimizerFactory adam(AdamOptions options, Grouping grouping = {});

}  // namespace composer
