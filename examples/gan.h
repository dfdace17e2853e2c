#pragma once

#include <torch/nn/modules/container/sequential.h>

#include "composer/core/model.h"

namespace composer::examples {

/// A generative adversarial network (Goodfellow et al., 2014, arXiv:1406.2661) that updates itself:
/// its train_step steps two optimizers in turn and returns an empty Loss. Batches have the real
/// samples in `input`, shape [batch, features].
///
/// The trainer's optimizers are, in order, that of the discriminator and that of the generator;
/// `only` makes a factory see just one part's parameters.
class Gan final : public ComposerModel {
 public:
  Gan(int64_t noise_size, int64_t features, int64_t hidden);

  /// `samples`: as many generated samples as the batch has, shape [batch, features].
  Outputs forward(const Batch& batch) override;
  /// The discriminator's loss on real and generated samples, as two terms.
  Loss loss(const Outputs& outputs, const Batch& batch) override;
  Loss train_step(TrainStep& step) override;

 private:
  const int64_t noise_size_;
  torch::nn::Sequential generator_;
  torch::nn::Sequential discriminator_;
};

/// `factory` for the parameters whose names begin with `prefix`.
OptimizerFactory only(const std::string& prefix, OptimizerFactory factory);

}  // namespace composer::examples
