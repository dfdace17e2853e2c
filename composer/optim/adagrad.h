#pragma once

#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  /// An L2 penalty: added to the gradient.
  double weight_decay = 0;
  /// What the sums of squared gradients begin with.
  double initial_accumulator_value = 0;
  double eps = 1e-10;
};

/// Adagrad (Duchi et al., 2011) with torch.optim.Adagrad's arithmetic, on ATen's fused kernel. t
/// counts a parameter's own updates:
///
///   d = gradient + weight_decay * p
///   s = s + d^2
///   p = p - lr / (1 + (t - 1) * lr_decay) * d / (sqrt(s) + eps)
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class Adagrad final : public FusedOptimizer {
 public:
  Adagrad(std::vector<NamedParameter> parameters, AdagradOptions options);
  Adagrad(std::vector<ParameterGroup> groups, AdagradOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;
  bool kernel_heeds_found_inf() const override { return true; }
  bool saves_initial_state() const override { return true; }
  at::Tensor initial_state(size_t kind, const at::Tensor& parameter) const override;

  const AdagradOptions options_;
};

/// Makes an Adagrad when the parameters are known.
OptimizerFactory adagrad(AdagradOptions options, Grouping grouping = {});

}  // namespace composer
