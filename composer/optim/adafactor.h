#pragma once

#include <optional>
#include <vector>

#include "composer/optim/fused_optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

struct AdafactorOptions {
  /// A bound: update t is made with min(lr, 1 / sqrt(t)).
  double lr = 1e-2;
  double beta2_decay = -0.8;
  /// The resolution of the parameter's dtype when left out.
  std::optional<double> eps1 = {};
  double eps2 = 1e-3;
  double clipping_threshold = 1;
  double weight_decay = 0;
};

/// Adafactor (Shazeer and Stern, 2018, arXiv:1804.04235) with torch.optim.Adafactor's arithmetic:
/// the second moments of a matrix - of a tensor's last two dimensions - are kept as the product of
/// a row and a column. rms is the root of the mean of squares, t counts a parameter's own updates:
///
///   a = max(eps2, rms(p)) * min(lr, 1 / sqrt(t))
///   p = p - lr * weight_decay * p
///   r = r + t^beta2_decay * (mean of gradient^2 in each row - r)
///   c = c + t^beta2_decay * (mean of gradient^2 in each column - c)
///   u = gradient / max(eps1, sqrt(r * c / max(eps1, mean of r)))
///   p = p - a * u / max(1, rms(u) / clipping_threshold)
///
/// A tensor of at most one dimension keeps v = v + t^beta2_decay * (gradient^2 - v) in the place of
/// r * c / mean of r.
///
/// Groups bring their own learning rate and weight decay. Constructors throw on settings that are
/// out of range.
class Adafactor final : public FusedOptimizer {
 public:
  Adafactor(std::vector<NamedParameter> parameters, AdafactorOptions options);
  Adafactor(std::vector<ParameterGroup> groups, AdafactorOptions options);

 private:
  void apply(Bucket& bucket, const ParameterGroup& group) override;
  at::Tensor initial_state(size_t kind, const at::Tensor& parameter) const override;

  const AdafactorOptions options_;
};

/// Makes an Adafactor when the parameters are known.
OptimizerFactory adafactor(AdafactorOptions options, Grouping grouping = {});

}  // namespace composer
