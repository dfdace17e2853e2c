#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/core/optimizer.h"

namespace composer {

/// Which layers of a model become others.
struct LayerRule {
  /// What takes the place of `layer`, which the model calls `name`; null leaves it.
  std::function<std::shared_ptr<torch::nn::Module>(const std::shared_ptr<torch::nn::Module>& layer,
                                                   const std::string& name)>
      replacement;
  /// Whether `layer` was put there by this rule. It stays, and so does what is in it: so a second
  /// application changes nothing.
  std::function<bool(const torch::nn::Module& layer)> is_done;
};

/// The rule that makes a `New` of an `Old`: `make` takes a shared pointer to the one and gives one
/// to the other, or null.
///
///   layer_rule<torch::nn::ReLUImpl, LayerOf<torch::nn::GELUImpl>>(
///       [](const auto& relu) { return make_layer<torch::nn::GELUImpl>(); })
template <typename Old, typename New, typename Make>
LayerRule layer_rule(Make make) {
  return {.replacement = [make = std::move(make)](
                             const std::shared_ptr<torch::nn::Module>& layer,
                             const std::string& name) -> std::shared_ptr<torch::nn::Module> {
            const auto old = std::dynamic_pointer_cast<Old>(layer);
            return old ? make(old) : nullptr;
          },
          .is_done =
              [](const torch::nn::Module& layer) {
                return dynamic_cast<const New*>(&layer) != nullptr;
              }};
}

/// That one layer took another's place.
struct LayerReplacement {
  /// In the model; the first of its names where it is shared.
  std::string name;
  /// Types, as "Conv2d".
  std::string from;
  std::string to;
  /// Values of their parameters.
  int64_t parameters_before = 0;
  int64_t parameters_after = 0;
};

/// Puts other layers in the slots of `model`: for each layer, parents before children, the first
/// rule that has something to put there. A layer that is shared is replaced once, everywhere. What
/// is new is neither asked about nor searched, and goes to the device, dtype and mode (training or
/// not) of what it replaces; tensors that both have stay as they are.
///
/// `optimizers` that exist already take the change along: parameters that are gone are dropped
/// with their state, new ones join the group of those that they replace (where these are in
/// several, of the one whose last name is the same: "bias" of "bias"), and those that stay keep
/// their state under their new names.
///
/// Throws, before anything is changed: a NotImplementedError for a layer that is not in a slot, so
/// that its parent's forward would go on calling it, and for optimizers that cannot take it; a
/// TypeError for a replacement that the parent cannot call; a ValueError where there is no telling
/// which group new parameters belong to.
std::vector<LayerReplacement> replace_layers(
    torch::nn::Module& model, const std::vector<LayerRule>& rules,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// A line for each: its name, what it was, what it is, its parameters before and after.
std::string replacement_table(const std::vector<LayerReplacement>& replacements);

/// Logs what `method` ("BlurPool") replaced, as a table. When it is nothing: a warning that
/// `missing` ("strided convolutions") were not found, or, where they are `required`, a ValueError
/// with the same words.
void report_surgery(absl::string_view method, absl::string_view missing, bool required,
                    const std::vector<LayerReplacement>& replacements);

/// The type of a layer in messages: "Conv2d" for LayerOf<torch::nn::Conv2dImpl>.
std::string layer_type(const torch::nn::Module& layer);

}  // namespace composer
