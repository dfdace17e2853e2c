#pragma once

#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct LionOptions {
  double lr = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;
};

/// Lion (Chen et al., 2023, arXiv:2302.06675, algorithm 2):
///
///   p = p - lr * weight_decay * p - lr * sign(beta1 * m + (1 - beta1) * gradient)
///   m = beta2 * m + (1 - beta2) * gradient
///
/// Every value moves by the learning rate, so that it is three to ten times smaller than AdamW's,
/// and the weight decay as much larger.
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class Lion final : public FusedOptimizer {
 public:
  Lion(std::vector<NamedParameter> parameters, LionOptions options);
  Lion(std::vector<ParameterGroup> groups, LionOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;

  const LionOptions options_;
};

/// Makes a Lion when the parameters are known.
OptimizerFactory lion(LionOptions options, Grouping grouping = {});

}  // namespace composer
