#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class GradientNoise;
}

/// The standard deviation of the noise after `batches` batches: sqrt(eta / (1 + batches)^gamma).
double gradient_noise_sigma(int64_t batches, double eta, double gamma);

/// Adds to each of `gradients` in place `sigma` times the one of `noise` at the same index.
void add_gradient_noise(at::TensorList gradients, at::TensorList noise, double sigma);

struct GradientNoiseOptions {
  /// The variance at first.
  double eta = 0.01;
  /// The power of the number of batches by which it falls.
  double gamma = 0.55;
};

/// Adds normal noise to all gradients, less and less of it, which helps deep nets out of bad
/// starts (Neelakantan et al., 2015, arXiv:1511.06807).
///
/// At after_train_batch, when the gradients are complete and unscaled and the optimizer has not
/// used them. That event goes through the list of algorithms backwards: clipping that is listed
/// after this is done before it, as in the paper, and so leaves the noise alone. Acts on the
/// parameters of all optimizers that have a gradient, and logs gradient_noise/sigma. An optimizer
/// that evaluates the loss repeatedly gets the same noise each time. Has no state.
class GradientNoise final : public Algorithm {
 public:
  using Config = config::GradientNoise;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit GradientNoise(GradientNoiseOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const GradientNoiseOptions options_;
};

}  // namespace composer
