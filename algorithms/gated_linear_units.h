#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/core/algorithm.h"
#include "composer/core/optimizer.h"
#include "composer/nn/layer.h"
#include "composer/nn/slot.h"
#include "composer/nn/surgery.h"
#include "models/activation.h"
#include "models/bert_layers.h"

namespace composer {

namespace config {
class GatedLinearUnits;
}

struct BertGatedOutputOptions {
  /// Width of hidden states, and within.
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  double dropout = 0;
  double layer_norm_eps = 1e-12;
  /// Whether the two layers of which the products are taken have biases.
  bool gated_layer_bias = false;
  bool non_gated_layer_bias = false;
};

/// A BERT's feed-forward part with a gate: of hidden states x
///
///   layernorm(wo(dropout(act(gated_layer(x)) * non_gated_layer(x))) + residual)
///
/// with children of these names, which start as PyTorch's do.
class BertGatedOutput final : public torch::nn::Module, public SlotOwner, public ResidualLayer {
 public:
  /// `act`: a Layer without parameters; it may be shared.
  BertGatedOutput(const BertGatedOutputOptions& options,
                  const std::shared_ptr<torch::nn::Module>& act);

  at::Tensor forward(const at::Tensor& hidden, const at::Tensor& residual) override;

 private:
  Slot<Layer> gated_layer_;
  Slot<Layer> non_gated_layer_;
  Slot<Layer> wo_;
  Slot<Layer> dropout_;
  Slot<Layer> act_;
  Slot<Layer> layernorm_;
};

struct GatedLinearUnitsOptions {
  /// Of the gate; what the model has when left out.
  std::optional<Activation> act_fn = {};
  bool gated_layer_bias = false;
  bool non_gated_layer_bias = false;
};

/// Makes of the feed-forward part of each BertLayer in `model` one with a gate, with new weights:
/// its `intermediate` gives what it gets, its `output` is a BertGatedOutput. Returns what was
/// replaced: nothing where it was done before.
///
/// Throws, before anything is changed, a TypeError for a model without a BertLayer, and a
/// ValueError where the model's layers have different activations and none is given.
std::vector<LayerReplacement> apply_gated_linear_units(
    torch::nn::Module& model, const GatedLinearUnitsOptions& options = {},
    absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// Feed-forward parts of transformers whose hidden values are products of an activation and a
/// linear layer, which learn better for about the same cost (Shazeer, 2020, arXiv:2002.05202). For
/// BERT.
///
/// At init the model's layers are replaced, for good, and with them the feed-forward part's
/// parameters: "intermediate.dense" and "output.dense" become "output.gated_layer",
/// "output.non_gated_layer" and "output.wo", "output.LayerNorm" becomes "output.layernorm". A model
/// that is no BERT is an error.
class GatedLinearUnits final : public Algorithm {
 public:
  using Config = config::GatedLinearUnits;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit GatedLinearUnits(GatedLinearUnitsOptions options = {}) : options_(options) {}

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const GatedLinearUnitsOptions options_;
};

}  // namespace composer
