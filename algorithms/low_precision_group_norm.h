#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "algorithms/low_precision_norm.h"

namespace composer {

namespace config {
class LowPrecisionGroupNorm;
}

/// Group normalisation of [batch, channels, ...] over `num_groups` groups of channels; `weight` and
/// `bias`, [channels], may be undefined. Where autocast is on for the input's device it is
/// computed, and the result is, in autocast's dtype; elsewhere it is
/// torch.nn.functional.group_norm.
at::Tensor low_precision_group_norm(const at::Tensor& input, int64_t num_groups,
                                    const at::Tensor& weight, const at::Tensor& bias, double eps);

/// Replaces the group norms (torch::nn::GroupNorm) in slots of `model` by ones that compute so.
/// Returns what was replaced.
std::vector<LayerReplacement> apply_low_precision_group_norm(
    torch::nn::Module& model, absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// Group norms that stay in half precision under autocast, which has them in float32 (on CUDA; on
/// the CPU in the dtype of their input), at a cost in bandwidth (Composer's method
/// LowPrecisionGroupNorm).
///
/// At `apply_at` the model's layers are replaced, for good, after all other algorithms' work. No
/// parameter is added and none changes its name or dtype. Only for amp_bf16 and amp_fp16; in other
/// precisions a warning, and nothing is replaced.
///
/// Differs from Composer: it also acts under autocast on the CPU.
class LowPrecisionGroupNorm final : public LowPrecisionNorm {
 public:
  using Config = config::LowPrecisionGroupNorm;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit LowPrecisionGroupNorm(Event apply_at = Event::kInit, bool must_match = false)
      : LowPrecisionNorm(apply_at, must_match) {}

 private:
  absl::string_view layers() const override { return "group norms"; }
  std::vector<LayerReplacement> replace(
      torch::nn::Module& model,
      absl::Span<const std::unique_ptr<Optimizer>> optimizers) const override;
};

}  // namespace composer
