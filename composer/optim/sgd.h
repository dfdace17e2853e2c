#pragma once

#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  /// Needs a momentum and no dampening.
  bool nesterov = false;
};

/// Stochastic gradient descent with torch.optim.SGD's arithmetic, on ATen's fused kernel:
///
///   d = gradient + weight_decay * p
///   b = momentum * b + (1 - dampening) * d      (b = d at a parameter's first update)
///   p = p - lr * (nesterov ? d + momentum * b : b)
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class Sgd final : public FusedOptimizer {
 public:
  Sgd(std::vector<NamedParameter> parameters, SgdOptions options);
  Sgd(std::vector<ParameterGroup> groups, SgdOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;
  bool kernel_heeds_found_inf() const override { return true; }

  const SgdOptions options_;
};

/// Makes an Sgd when the parameters are known.
OptimizerFactory sgd(SgdOptions options, Grouping grouping = {});

}  // namespace composer
