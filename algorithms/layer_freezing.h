#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"

namespace torch::nn {
class Module;
}

namespace composer {

namespace config {
class LayerFreezing;
}

/// Of a model of `layers` layers, how many of the first are frozen when the part `elapsed` of the
/// run is over: none until `freeze_start`, and then in proportion to time up to `freeze_level` of
/// all but the last, which never is.
int64_t frozen_layers(int64_t layers, double elapsed, double freeze_start, double freeze_level);

/// The trainable parameters of each module that has some of its own, from the outermost module in,
/// in the order of registration.
std::vector<std::vector<at::Tensor>> layer_parameters(torch::nn::Module& model);

struct LayerFreezingOptions {
  /// The fraction of training at which freezing starts; below 1.
  double freeze_start = 0.5;
  /// The fraction of the layers that are frozen at the end of training.
  double freeze_level = 1;
};

/// Trains fewer and fewer layers, the first ones being left out first, so that backward ends
/// earlier (FreezeOut: Brock et al., 2017, arXiv:1706.04983).
///
/// At batch_start the layers whose time has come stop requiring gradients; optimizers leave
/// parameters without a gradient alone, their momentum and weight decay included. Buffers, such as
/// the statistics of batch norms, go on. At fit_end all require gradients again. Logs
/// `layer_freezing/layers_frozen` and `layer_freezing/percentage_frozen`, a part of 1, when they
/// change.
///
/// State: how many are frozen, so that a resumed run logs the same lines.
///
/// Differs from Composer: layers are frozen within epochs, too, rather than only at their ends;
/// parameters stay in the optimizers' groups, without gradients, so that checkpoints fit; a module
/// with children counts for the parameters that are its own; parameters that were frozen before
/// stay so; the model is left trainable.
class LayerFreezing final : public Algorithm {
 public:
  using Config = config::LayerFreezing;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit LayerFreezing(LayerFreezingOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;
  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  int64_t wanted(const State& state) const;
  // The first `count` layers, and no others.
  void freeze_first(int64_t count);

  const LayerFreezingOptions options_;
  // Looked up at fit_start.
  std::vector<std::vector<at::Tensor>> layers_;
  // While fitting; afterwards, how many were.
  int64_t frozen_ = 0;
};

}  // namespace composer
