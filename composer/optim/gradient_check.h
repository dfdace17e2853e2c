#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "composer/core/grad_scaler.h"

namespace composer {

/// Looks whether gradients are finite, and scales nothing: what keeps a bad update of a run in full
/// precision from happening. Gradients on the CPU are walked through once, by threads where they
/// are large; on another device one multi-tensor operation looks at them there, and nobody waits.
/// Sparse gradients are not looked at.
class GradientCheck final : public GradScaler {
 public:
  GradientCheck();
  ~GradientCheck() override;

  /// The flag keeps what it says until the first call after `update`.
  at::Tensor unscale(Optimizer& optimizer) override;
  void update() override { used_ = 0; }

 private:
  struct OnDevice;

  at::Tensor& next_flag(at::Device device);

  // One for each call between two updates: a model that updates itself has several.
  std::vector<at::Tensor> flags_;
  size_t used_ = 0;
  std::unique_ptr<OnDevice> on_device_;
};

/// Whether a dense tensor of floating point on the CPU has a NaN or an infinity; false for one of
/// integers.
bool has_non_finite(const at::Tensor& tensor);

}  // namespace composer
