#include "algorithms/low_precision_layer_norm.h"

#include <ATen/ops/layer_norm.h>
#include <torch/nn/modules/normalization.h>

#include "composer/base/exceptions.h"
#include "composer/core/registries.h"
#include "composer/nn/layer.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

// A layer norm with the parameters of another.
class LPLayerNorm final : public torch::nn::LayerNormImpl, public Layer {
 public:
  explicit LPLayerNorm(const torch::nn::LayerNormImpl& norm) : torch::nn::LayerNormImpl(norm) {}

  at::Tensor forward(const at::Tensor& input) override {
    return low_precision_layer_norm(input, options.normalized_shape(), weight, bias, options.eps());
  }
};

}  // namespace

at::Tensor low_precision_layer_norm(const at::Tensor& input, at::IntArrayRef normalized_shape,
                                    const at::Tensor& weight, const at::Tensor& bias, double eps) {
  const at::Tensor low_input = to_autocast_dtype(input), low_weight = to_autocast_dtype(weight),
                   low_bias = to_autocast_dtype(bias);
  const AutocastBypassed bypassed;
  return at::layer_norm(low_input, normalized_shape, low_weight, low_bias, eps);
}

std::vector<LayerReplacement> apply_low_precision_layer_norm(
    torch::nn::Module& model, absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  const LayerRule rule = layer_rule<torch::nn::LayerNormImpl, LPLayerNorm>(
      [](const auto& norm) { return std::make_shared<LPLayerNorm>(*norm); });
  return replace_layers(model, {rule}, optimizers);
}

absl::StatusOr<std::unique_ptr<Algorithm>> LowPrecisionLayerNorm::create(const Config& config) {
  return try_make<LowPrecisionLayerNorm>(event_of_apply_at(config.apply_at()), config.must_match());
}

std::vector<LayerReplacement> LowPrecisionLayerNorm::replace(
    torch::nn::Module& model, absl::Span<const std::unique_ptr<Optimizer>> optimizers) const {
  return apply_low_precision_layer_norm(model, optimizers);
}

COMPOSER_REGISTER(Algorithm, LowPrecisionLayerNorm);

}  // namespace composer
