#include "examples/gan.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "composer/core/logger.h"

namespace composer::examples {
namespace {

namespace nn = torch::nn;

nn::Sequential make_mlp(int64_t in, int64_t hidden, int64_t out) {
  return nn::Sequential(nn::Linear(in, hidden), nn::ReLU(), nn::Linear(hidden, hidden), nn::ReLU(),
                        nn::Linear(hidden, out));
}

// The discriminator's answer against "real" or "generated".
at::Tensor answer_loss(const at::Tensor& logits, bool real) {
  return at::binary_cross_entropy_with_logits(
      logits, real ? at::ones_like(logits) : at::zeros_like(logits));
}

}  // namespace

Gan::Gan(int64_t noise_size, int64_t features, int64_t hidden)
    : noise_size_(noise_size),
      generator_(make_mlp(noise_size, hidden, features)),
      discriminator_(make_mlp(features, hidden, 1)) {
  register_module("generator", generator_);
  register_module("discriminator", discriminator_);
}

Outputs Gan::forward(const Batch& batch) {
  const at::Tensor& real = batch.at("input");
  return {{"samples", generator_->forward(at::randn({real.size(0), noise_size_}, real.options()))}};
}

Loss Gan::loss(const Outputs& outputs, const Batch& batch) {
  return {
      {"real", answer_loss(discriminator_->forward(batch.at("input")), true)},
      {"generated", answer_loss(discriminator_->forward(outputs.at("samples").detach()), false)}};
}

Loss Gan::train_step(TrainStep& step) {
  Optimizer& discriminator = step.optimizer(0);
  Optimizer& generator = step.optimizer(1);

  const at::Tensor samples = step.forward().at("samples");
  const at::Tensor discriminator_loss = step.loss().total();
  step.backward(discriminator_loss);
  step.update(discriminator);

  generator.zero_grad();
  const at::Tensor generator_loss = answer_loss(discriminator_->forward(samples), true);
  step.backward(generator_loss);
  step.update(generator);
  discriminator.zero_grad();

  step.logger().log_metric("loss/train/discriminator", discriminator_loss);
  step.logger().log_metric("loss/train/generator", generator_loss);
  return {};
}

OptimizerFactory only(const std::string& prefix, OptimizerFactory factory) {
  return [prefix, factory = std::move(factory)](std::vector<NamedParameter> parameters) {
    parameters.erase(std::remove_if(parameters.begin(), parameters.end(),
                                    [&](const NamedParameter& parameter) {
                                      return !absl::StartsWith(parameter.name, prefix);
                                    }),
                     parameters.end());
    return factory(std::move(parameters));
  };
}

}  // namespace composer::examples
