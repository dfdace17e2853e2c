#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"

namespace torch::nn {
class Module;
}

namespace composer {

namespace config {
class ChannelsLast;
}

/// Lays out the parameters and buffers of four dimensions, those of 2d convolutions, with their
/// channels last in memory, and returns how many there were. Their values stay.
int apply_channels_last(torch::nn::Module& model);

/// Lays out the weights of convolutions as their fast kernels want them: inputs follow in the first
/// convolution, and what comes of them stays in that layout. On GPUs with tensor cores, and on
/// CPUs, this is often faster; the results are equal but for rounding (PyTorch's tutorial on memory
/// formats, docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html).
///
/// init changes the model. A model that chooses its layout by itself, such as `cnn`, does not need
/// it.
///
/// Differs from Composer: weights of one channel are laid out such that convolutions see it.
class ChannelsLast final : public Algorithm {
 public:
  using Config = config::ChannelsLast;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;
};

}  // namespace composer
