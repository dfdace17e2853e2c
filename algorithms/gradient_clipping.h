#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class GradientClipping;
}

/// How GradientClipping limits gradients.
enum class ClippingType {
  /// The L2 norm of all gradients together is scaled down to the threshold.
  kNorm,
  /// Each element is clamped to [-threshold, threshold].
  kValue,
  /// The norm of each output unit's gradient is limited to threshold times its weights' norm.
  kAdaptive,
};

/// Scales `gradients` in place by min(1, threshold / (norm + 1e-6)), as
/// torch.nn.utils.clip_grad_norm_ does, and returns the norm that they had. The host does not wait
/// for the device.
at::Tensor clip_gradients(at::TensorList gradients, double threshold);

/// Clamps every element of `gradients` in place to [-threshold, threshold].
void clip_gradient_values(at::TensorList gradients, double threshold);

/// Adaptive gradient clipping (Brock et al., 2021, arXiv:2102.06171): scales the gradient of each
/// unit in place by min(1, threshold max(|w|, 1e-3) / |g|). A unit is a slice of the first
/// dimension; a tensor of one dimension or none is one unit.
///
/// Differs from Composer: weight norms have the paper's floor of 1e-3. Without it, weights that
/// start at zero never leave it.
void clip_gradients_adaptively(at::TensorList parameters, at::TensorList gradients,
                               double threshold);

/// Limits the gradients at after_train_batch, when they are complete and the optimizer has not used
/// them. Acts on the parameters of all optimizers and logs `gradient_clipping/norm`, the global
/// norm before clipping.
class GradientClipping final : public Algorithm {
 public:
  using Config = config::GradientClipping;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  GradientClipping(ClippingType type, double threshold);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  ClippingType type_;
  double threshold_;
};

}  // namespace composer
