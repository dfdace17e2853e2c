#pragma once

#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct LambOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-6;
  double weight_decay = 1e-2;
};

/// LAMB (You et al., 2019, arXiv:1904.00962, algorithm 2), for large batches: Adam's step, and the
/// decay with it, is made as long as the tensor it is for. t counts a parameter's own updates:
///
///   m = beta1 * m + (1 - beta1) * gradient
///   v = beta2 * v + (1 - beta2) * gradient^2
///   r = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * p
///   p = p - lr * |p| / |r| * r          (the ratio is 1 where |p| or |r| is 0)
///
/// |.| is the Euclidean norm of the whole tensor.
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class Lamb final : public FusedOptimizer {
 public:
  Lamb(std::vector<NamedParameter> parameters, LambOptions options);
  Lamb(std::vector<ParameterGroup> groups, LambOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;
  void apply_on_device(Bucket& bucket, const ParameterGroup& group);

  const LambOptions options_;
  // Of the pieces of a tensor; kept for its memory.
  std::vector<double> sums_;
};

/// Makes a Lamb when the parameters are known.
OptimizerFactory lamb(LambOptions options, Grouping grouping = {});

}  // namespace composer
