#pragma once

#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct DecoupledSgdWOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  /// Needs a momentum and no dampening.
  bool nesterov = false;
};

/// SGD with weight decay that does not depend on the learning rate (Loshchilov and Hutter, 2017,
/// arXiv:1711.05101) with the arithmetic of Composer's DecoupledSGDW:
///
///   b = momentum * b + (1 - dampening) * gradient   (b = gradient at a parameter's first update)
///   p = p - lr / initial_lr * weight_decay * p - lr * (nesterov ? gradient + momentum * b : b)
///
/// So the decay follows the schedule, but is not multiplied by the learning rate: SGD's decay d is
/// d * initial_lr here. In a group whose initial learning rate is 0 the decay is `weight_decay`.
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class DecoupledSgdW final : public FusedOptimizer {
 public:
  DecoupledSgdW(std::vector<NamedParameter> parameters, DecoupledSgdWOptions options);
  DecoupledSgdW(std::vector<ParameterGroup> groups, DecoupledSgdWOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;

  const DecoupledSgdWOptions options_;
};

/// Makes a DecoupledSgdW when the parameters are known.
OptimizerFactory decoupled_sgdw(DecoupledSgdWOptions options, Grouping grouping = {});

}  // namespace composer
