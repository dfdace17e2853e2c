#include "algorithms/low_precision_group_norm.h"

#include <ATen/ops/group_norm.h>
#include <torch/nn/modules/normalization.h>

#include "composer/base/exceptions.h"
#include "composer/core/registries.h"
#include "composer/nn/layer.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

// A group norm with the parameters of another.
class LPGroupNorm final : public torch::nn::GroupNormImpl, public Layer {
 public:
  explicit LPGroupNorm(const torch::nn::GroupNormImpl& norm) : torch::nn::GroupNormImpl(norm) {}

  at::Tensor forward(const at::Tensor& input) override {
    return low_precision_group_norm(input, options.num_groups(), weight, bias, options.eps());
  }
};

}  // namespace

at::Tensor low_precision_group_norm(const at::Tensor& input, int64_t num_groups,
                                    const at::Tensor& weight, const at::Tensor& bias, double eps) {
  const at::Tensor low_input = to_autocast_dtype(input), low_weight = to_autocast_dtype(weight),
                   low_bias = to_autocast_dtype(bias);
  const AutocastBypassed bypassed;
  return at::group_norm(low_input, num_groups, low_weight, low_bias, eps);
}

std::vector<LayerReplacement> apply_low_precision_group_norm(
    torch::nn::Module& model, absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  const LayerRule rule = layer_rule<torch::nn::GroupNormImpl, LPGroupNorm>(
      [](const auto& norm) { return std::make_shared<LPGroupNorm>(*norm); });
  return replace_layers(model, {rule}, optimizers);
}

absl::StatusOr<std::unique_ptr<Algorithm>> LowPrecisionGroupNorm::create(const Config& config) {
  return try_make<LowPrecisionGroupNorm>(event_of_apply_at(config.apply_at()), config.must_match());
}

std::vector<LayerReplacement> LowPrecisionGroupNorm::replace(
    torch::nn::Module& model, absl::Span<const std::unique_ptr<Optimizer>> optimizers) const {
  return apply_low_precision_group_norm(model, optimizers);
}

COMPOSER_REGISTER(Algorithm, LowPrecisionGroupNorm);

}  // namespace composer
