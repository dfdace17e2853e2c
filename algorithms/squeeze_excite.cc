#include "algorithms/squeeze_excite.h"

#include <ATen/TensorOperators.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/nn/layer_sequence.h"
#include "composer/nn/linear.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

std::shared_ptr<LayerSequence> pool_and_mlp(int64_t channels, double latent_channels) {
  const double wanted =
      latent_channels >= 1 ? latent_channels : latent_channels * static_cast<double>(channels);
  const int64_t latent = std::max<int64_t>(1, static_cast<int64_t>(wanted));
  const auto linear = [](int64_t from, int64_t to) {
    return make_layer<LinearImpl>(torch::nn::LinearOptions(from, to).bias(false));
  };
  auto layers = std::make_shared<LayerSequence>();
  layers->push_back(
      make_layer<torch::nn::AdaptiveAvgPool2dImpl>(torch::nn::AdaptiveAvgPool2dOptions(1)));
  layers->push_back(make_layer<torch::nn::FlattenImpl>());
  layers->push_back(linear(channels, latent));
  layers->push_back(make_layer<torch::nn::ReLUImpl>());
  layers->push_back(linear(latent, channels));
  layers->push_back(make_layer<torch::nn::SigmoidImpl>());
  return layers;
}

class SqueezeExciteConv2d final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  SqueezeExciteConv2d(const std::shared_ptr<torch::nn::Module>& conv, int64_t channels,
                      double latent_channels)
      : conv_(*this, "conv", conv),
        se_(*this, "se", std::make_shared<SqueezeExcite2d>(channels, latent_channels)) {}

  at::Tensor forward(const at::Tensor& input) override {
    return se_->forward(conv_->forward(input));
  }

 private:
  Slot<Layer> conv_;
  Slot<Layer> se_;
};

}  // namespace

SqueezeExcite2d::SqueezeExcite2d(int64_t channels, double latent_channels)
    : pool_and_mlp_(*this, "pool_and_mlp", pool_and_mlp(channels, latent_channels)) {}

at::Tensor SqueezeExcite2d::forward(const at::Tensor& input) {
  return input * pool_and_mlp_->forward(input).unsqueeze(-1).unsqueeze(-1);
}

std::vector<LayerReplacement> apply_squeeze_excite(
    torch::nn::Module& model, const SqueezeExciteOptions& options,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  const LayerRule rule =
      layer_rule<torch::nn::Conv2dImpl, SqueezeExciteConv2d>([&](const auto& conv) {
        const int64_t outputs = conv->options.out_channels();
        return std::min(conv->options.in_channels(), outputs) < options.min_channels
                   ? nullptr
                   : std::make_shared<SqueezeExciteConv2d>(conv, outputs, options.latent_channels);
      });
  return replace_layers(model, {rule}, optimizers);
}

absl::StatusOr<std::unique_ptr<Algorithm>> SqueezeExcite::create(const Config& config) {
  return try_make<SqueezeExcite>(SqueezeExciteOptions{.latent_channels = config.latent_channels(),
                                                      .min_channels = config.min_channels()},
                                 config.must_match());
}

SqueezeExcite::SqueezeExcite(SqueezeExciteOptions options, bool must_match)
    : options_(options), must_match_(must_match) {
  if (!(options_.latent_channels > 0)) {
    throw_if_error(field_error("latent_channels",
                               absl::StrCat("must be above 0, not ", options_.latent_channels)));
  }
  if (options_.min_channels < 0) {
    throw_if_error(field_error("min_channels", "must not be negative"));
  }
}

AlgorithmTraits SqueezeExcite::traits() const {
  return {.events = {Event::kInit}, .paper = "Hu et al., 2017, arXiv:1709.01507"};
}

bool SqueezeExcite::match(Event event, const State& state) const { return event == Event::kInit; }

void SqueezeExcite::apply(Event event, State& state, Logger& logger) {
  report_surgery(
      name(),
      absl::StrCat("convolutions with ", options_.min_channels, " input and output channels"),
      must_match_, apply_squeeze_excite(*state.model, options_, state.optimizers));
}

COMPOSER_REGISTER(Algorithm, SqueezeExcite);

}  // namespace composer
