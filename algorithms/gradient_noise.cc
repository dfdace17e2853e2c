#include "algorithms/gradient_noise.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>

#include <cmath>
#include <vector>

#include "algorithms/draws.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/optim/gradients.h"
#include "proto/algorithm.pb.h"

namespace composer {

double gradient_noise_sigma(int64_t batches, double eta, double gamma) {
  return std::sqrt(eta / std::pow(1 + static_cast<double>(batches), gamma));
}

void add_gradient_noise(at::TensorList gradients, at::TensorList noise, double sigma) {
  if (!gradients.empty()) at::_foreach_add_(gradients, noise, sigma);
}

absl::StatusOr<std::unique_ptr<Algorithm>> GradientNoise::create(const Config& config) {
  return try_make<GradientNoise>(
      GradientNoiseOptions{.eta = config.eta(), .gamma = config.gamma()});
}

GradientNoise::GradientNoise(GradientNoiseOptions options) : options_(options) {
  const auto check = [](double value, const char* field) {
    if (!(value >= 0 && std::isfinite(value))) {
      throw_if_error(field_error(field, "must be a number that is not negative"));
    }
  };
  check(options.eta, "eta");
  check(options.gamma, "gamma");
}

AlgorithmTraits GradientNoise::traits() const {
  return {.events = {Event::kAfterTrainBatch},
          .paper = "Neelakantan et al., 2015, arXiv:1511.06807"};
}

bool GradientNoise::match(Event event, const State& state) const {
  return event == Event::kAfterTrainBatch;
}

void GradientNoise::apply(Event event, State& state, Logger& logger) {
  const at::NoGradGuard no_grad;
  const double sigma = gradient_noise_sigma(state.timestamp.batch, options_.eta, options_.gamma);
  const std::vector<at::Tensor> gradients = gradients_of(state.optimizers).gradients;
  const at::Generator generator = state.generator(name());
  std::vector<at::Tensor> noise;
  for (const at::Tensor& gradient : gradients) {
    noise.push_back(draw_normal(gradient.sizes(), gradient.options(), generator));
  }
  add_gradient_noise(gradients, noise, sigma);
  logger.log_metric("gradient_noise/sigma", sigma);
}

COMPOSER_REGISTER(Algorithm, GradientNoise);

}  // namespace composer
