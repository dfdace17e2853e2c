#include "algorithms/gated_linear_units.h"

#include <ATen/TensorOperators.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <map>
#include <string>
#include <unordered_set>

#include "algorithms/earlier_surgery.h"
#include "composer/base/exceptions.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/nn/linear.h"
#include "models/activation_config.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

std::shared_ptr<torch::nn::Module> linear(int64_t from, int64_t to, bool bias) {
  return make_layer<LinearImpl>(torch::nn::LinearOptions(from, to).bias(bias));
}

// What is left of a BertIntermediate.
class NoIntermediate final : public torch::nn::Module, public Layer {
 public:
  at::Tensor forward(const at::Tensor& input) override { return input; }
};

// Equal for activations that compute the same.
std::string kind_of(const torch::nn::Module& activation) {
  const auto* const gelu = dynamic_cast<const torch::nn::GELUImpl*>(&activation);
  return gelu == nullptr ? layer_type(activation) : "GELU " + gelu->options.approximate();
}

// The feed-forward parts of a model that have no gate yet.
struct FeedForwards {
  bool is_bert = false;
  std::unordered_set<const torch::nn::Module*> intermediates;
  std::unordered_set<const torch::nn::Module*> outputs;
  std::map<std::string, std::shared_ptr<torch::nn::Module>> activations;

  explicit FeedForwards(torch::nn::Module& model) {
    for (const auto& module : model.modules()) {
      auto* const layer = dynamic_cast<BertLayer*>(module.get());
      if (layer == nullptr) continue;
      is_bert = true;
      const auto& intermediate = layer->intermediate().module();
      const auto& output = layer->output().module();
      auto* const wide = dynamic_cast<BertIntermediate*>(intermediate.get());
      if (wide == nullptr || dynamic_cast<BertOutput*>(output.get()) == nullptr) continue;
      intermediates.insert(intermediate.get());
      outputs.insert(output.get());
      const auto& activation = wide->activation().module();
      activations.emplace(kind_of(*activation), activation);
    }
  }
};

template <typename Impl>
const Impl& as(const Slot<Layer>& slot) {
  const auto* const layer = dynamic_cast<const Impl*>(slot.module().get());
  TORCH_CHECK_NOT_IMPLEMENTED(layer != nullptr, "GatedLinearUnits finds a ",
                              layer_type(*slot.module()), " as \"output.", slot.name(),
                              "\", which another method has put there: list it before that one");
  return *layer;
}

std::shared_ptr<BertGatedOutput> gated(BertOutput& output, const GatedLinearUnitsOptions& options,
                                       const std::shared_ptr<torch::nn::Module>& act) {
  const auto& dense = as<torch::nn::LinearImpl>(output.dense());
  return std::make_shared<BertGatedOutput>(
      BertGatedOutputOptions{
          .hidden_size = dense.options.out_features(),
          .intermediate_size = dense.options.in_features(),
          .dropout = as<torch::nn::DropoutImpl>(output.dropout()).options.p(),
          .layer_norm_eps = as<torch::nn::LayerNormImpl>(output.norm()).options.eps(),
          .gated_layer_bias = options.gated_layer_bias,
          .non_gated_layer_bias = options.non_gated_layer_bias},
      act);
}

}  // namespace

BertGatedOutput::BertGatedOutput(const BertGatedOutputOptions& options,
                                 const std::shared_ptr<torch::nn::Module>& act)
    : gated_layer_(
          *this, "gated_layer",
          linear(options.hidden_size, options.intermediate_size, options.gated_layer_bias)),
      non_gated_layer_(
          *this, "non_gated_layer",
          linear(options.hidden_size, options.intermediate_size, options.non_gated_layer_bias)),
      wo_(*this, "wo", linear(options.intermediate_size, options.hidden_size, /*bias=*/true)),
      dropout_(*this, "dropout", make_layer<torch::nn::DropoutImpl>(options.dropout)),
      act_(*this, "act", act),
      layernorm_(
          *this, "layernorm",
          make_layer<torch::nn::LayerNormImpl>(
              torch::nn::LayerNormOptions({options.hidden_size}).eps(options.layer_norm_eps))) {}

at::Tensor BertGatedOutput::forward(const at::Tensor& hidden, const at::Tensor& residual) {
  const at::Tensor units =
      act_->forward(gated_layer_->forward(hidden)) * non_gated_layer_->forward(hidden);
  return layernorm_->forward(wo_->forward(dropout_->forward(units)) + residual);
}

std::vector<LayerReplacement> apply_gated_linear_units(
    torch::nn::Module& model, const GatedLinearUnitsOptions& options,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  const FeedForwards found(model);
  TORCH_CHECK_TYPE(
      found.is_bert,
      "GatedLinearUnits is defined for BERT only (models/bert.h), and the model has no "
      "layer of one");
  if (found.outputs.empty()) return {};
  TORCH_CHECK_VALUE(options.act_fn || found.activations.size() == 1,
                    "the model's feed-forward parts have ", found.activations.size(),
                    " different activations, so that there is no telling which one gates: give "
                    "act_fn");
  const std::shared_ptr<torch::nn::Module> act =
      options.act_fn ? make_activation(*options.act_fn) : found.activations.begin()->second;
  const LayerRule rule = {
      .replacement = [&](const std::shared_ptr<torch::nn::Module>& layer,
                         const std::string& name) -> std::shared_ptr<torch::nn::Module> {
        if (found.intermediates.count(layer.get()) > 0) return std::make_shared<NoIntermediate>();
        if (found.outputs.count(layer.get()) == 0) return nullptr;
        return gated(dynamic_cast<BertOutput&>(*layer), options, act);
      },
      .is_done =
          [](const torch::nn::Module& layer) {
            return dynamic_cast<const NoIntermediate*>(&layer) != nullptr ||
                   dynamic_cast<const BertGatedOutput*>(&layer) != nullptr;
          }};
  return replace_layers(model, {rule}, optimizers);
}

absl::StatusOr<std::unique_ptr<Algorithm>> GatedLinearUnits::create(const Config& config) {
  GatedLinearUnitsOptions options{.gated_layer_bias = config.gated_layer_bias(),
                                  .non_gated_layer_bias = config.non_gated_layer_bias()};
  if (config.has_act_fn()) options.act_fn = activation_of(config.act_fn());
  return std::make_unique<GatedLinearUnits>(options);
}

AlgorithmTraits GatedLinearUnits::traits() const {
  return {.events = {Event::kInit}, .paper = "Shazeer, 2020, arXiv:2002.05202"};
}

bool GatedLinearUnits::match(Event event, const State& state) const {
  return event == Event::kInit;
}

void GatedLinearUnits::apply(Event event, State& state, Logger& logger) {
  const auto replaced = after_earlier_surgery(state, *this, [&] {
    return apply_gated_linear_units(*state.model, options_, state.optimizers);
  });
  report_surgery(name(), "feed-forward parts of a BERT", /*required=*/false, replaced);
}

COMPOSER_REGISTER(Algorithm, GatedLinearUnits);

}  // namespace composer
