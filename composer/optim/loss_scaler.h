#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "composer/core/grad_scaler.h"

namespace composer {

struct LossScalerOptions {
  /// The first scale.
  double init_scale = 65536;
  /// What the scale is multiplied by after `growth_interval` steps in a row without an overflow.
  double growth_factor = 2;
  /// What it is multiplied by after a step with one.
  double backoff_factor = 0.5;
  int64_t growth_interval = 2000;
  /// An overflow at a scale below this is not the scale's fault any more: training diverges.
  /// PyTorch's documentation draws the line there, too, after 17 bad steps in a row from the start.
  double min_scale = 1;
};

/// Scales the loss so that gradients in float16 neither vanish nor overflow, as
/// torch.amp.GradScaler (Micikevicius et al., 2017, arXiv:1710.03740): a step with a gradient that
/// is not finite is reported, so that it is left out, and makes the scale smaller; many steps
/// without make it larger.
///
/// The scale is a tensor on the loss's device and changes there: no step waits for it. One scale
/// serves all optimizers, and an overflow in the gradients of one makes it smaller for all. Where
/// an optimizer asks for the loss several times in a step, all evaluations have the same scale.
class LossScaler final : public GradScaler {
 public:
  /// Throws a ValueError for a scale or a factor that does not fit its purpose.
  explicit LossScaler(LossScalerOptions options = {});

  at::Tensor scale(const at::Tensor& loss) override;
  /// Throws a TypeError that names a parameter whose gradient is in float16: nothing can be trained
  /// so small, and amp_fp16 keeps parameters in float32.
  at::Tensor unscale(Optimizer& optimizer) override;
  /// While the scale is at least `min_scale`; on a GPU, as it was a step or two ago.
  bool expects_overflow() const override { return known_scale_ >= options_.min_scale; }
  void update() override;

  /// By PyTorch's names: scale, growth_factor, backoff_factor, growth_interval, _growth_tracker.
  StateDict state_dict() const override;
  /// Takes the scale and the tracker; factors stay as they were asked for.
  absl::Status load_state_dict(const StateDict& state) override;

  /// Waits for the device.
  double current_scale() const;

 private:
  void set(double scale, int64_t growth_tracker);
  void move_to(at::Device device);
  void look_at_scale();

  const LossScalerOptions options_;
  // float32 and int32 scalars.
  at::Tensor scale_;
  at::Tensor growth_tracker_;
  // The flags of this step.
  std::vector<at::Tensor> found_infs_;

  double known_scale_;
  // A copy of the scale on its way from a device, and when it has come.
  at::Tensor arriving_;
  std::optional<c10::Event> arrived_;
};

}  // namespace composer
