#pragma once

#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct RmsPropOptions {
  double lr = 1e-2;
  /// How much of the average of squared gradients each step keeps.
  double alpha = 0.99;
  double eps = 1e-8;
  /// An L2 penalty: added to the gradient.
  double weight_decay = 0;
  double momentum = 0;
  /// Divide by an estimate of the variance rather than of the second moment.
  bool centered = false;
};

/// RMSprop (Hinton, 2012, lecture 6e; centered: Graves, 2013, arXiv:1308.0850) with
/// torch.optim.RMSprop's arithmetic:
///
///   d = gradient + weight_decay * p
///   v = alpha * v + (1 - alpha) * d^2
///   a = alpha * a + (1 - alpha) * d                 (only when centered)
///   s = d / (sqrt(centered ? v - a^2 : v) + eps)
///   b = momentum * b + s                            (b = s without momentum)
///   p = p - lr * b
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class RmsProp final : public FusedOptimizer {
 public:
  RmsProp(std::vector<NamedParameter> parameters, RmsPropOptions options);
  RmsProp(std::vector<ParameterGroup> groups, RmsPropOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;
  void apply_on_device(Bucket& bucket, const ParameterGroup& group);

  const RmsPropOptions options_;
};

/// Makes an RmsProp when the parameters are known.
OptimizerFactory rmsprop(RmsPropOptions options, Grouping grouping = {});

}  // namespace composer
