#include "algorithms/layer_freezing.h"

#include <torch/nn/module.h>

#include <algorithm>

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

double frozen_fraction(double elapsed, double freeze_start, double freeze_level) {
  if (elapsed <= freeze_start) return 0;
  return freeze_level * (elapsed - freeze_start) / (1 - freeze_start);
}

}  // namespace

int64_t frozen_layers(int64_t layers, double elapsed, double freeze_start, double freeze_level) {
  const double freezable = static_cast<double>(std::max<int64_t>(layers - 1, 0));
  return static_cast<int64_t>(frozen_fraction(elapsed, freeze_start, freeze_level) * freezable);
}

std::vector<std::vector<at::Tensor>> layer_parameters(torch::nn::Module& model) {
  std::vector<std::vector<at::Tensor>> layers;
  const auto add = [&](torch::nn::Module& module) {
    std::vector<at::Tensor> own;
    for (const at::Tensor& parameter : module.parameters(/*recurse=*/false)) {
      if (parameter.requires_grad()) own.push_back(parameter);
    }
    if (!own.empty()) layers.push_back(std::move(own));
  };
  add(model);
  for (const auto& module : model.modules(/*include_self=*/false)) add(*module);
  return layers;
}

absl::StatusOr<std::unique_ptr<Algorithm>> LayerFreezing::create(const Config& config) {
  return try_make<LayerFreezing>(LayerFreezingOptions{.freeze_start = config.freeze_start(),
                                                      .freeze_level = config.freeze_level()});
}

LayerFreezing::LayerFreezing(LayerFreezingOptions options) : options_(options) {
  if (!(options.freeze_start >= 0 && options.freeze_start < 1)) {
    throw_if_error(field_error("freeze_start", "must be at least 0 and below 1"));
  }
  if (!(options.freeze_level >= 0 && options.freeze_level <= 1)) {
    throw_if_error(field_error("freeze_level", "must be from 0 to 1"));
  }
}

AlgorithmTraits LayerFreezing::traits() const {
  return {.events = {Event::kFitStart, Event::kBatchStart, Event::kFitEnd},
          .paper = "Brock et al., 2017, arXiv:1706.04983"};
}

int64_t LayerFreezing::wanted(const State& state) const {
  return frozen_layers(static_cast<int64_t>(layers_.size()), state.elapsed_duration(),
                       options_.freeze_start, options_.freeze_level);
}

bool LayerFreezing::match(Event event, const State& state) const {
  if (event == Event::kBatchStart) return wanted(state) != frozen_;
  return event == Event::kFitStart || event == Event::kFitEnd;
}

void LayerFreezing::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kFitEnd) return freeze_first(0);
  if (event == Event::kFitStart) {
    freeze_first(0);
    layers_ = layer_parameters(*state.model);
    return freeze_first(frozen_);
  }
  frozen_ = wanted(state);
  freeze_first(frozen_);
  logger.log_metric("layer_freezing/layers_frozen", static_cast<double>(frozen_));
  logger.log_metric(
      "layer_freezing/percentage_frozen",
      frozen_fraction(state.elapsed_duration(), options_.freeze_start, options_.freeze_level));
}

void LayerFreezing::freeze_first(int64_t count) {
  for (int64_t i = 0; i < static_cast<int64_t>(layers_.size()); ++i) {
    for (at::Tensor& parameter : layers_[i]) {
      parameter.set_requires_grad(i >= count);
      if (i < count) parameter.mutable_grad().reset();
    }
  }
}

StateDict LayerFreezing::state_dict() const {
  StateDict state;
  state.set("layers_frozen", frozen_);
  return state;
}

absl::Status LayerFreezing::load_state_dict(const StateDict& state) {
  COMPOSER_ASSIGN_OR_RETURN(frozen_, state.integer("layers_frozen"));
  return absl::OkStatus();
}

COMPOSER_REGISTER(Algorithm, LayerFreezing);

}  // namespace composer
