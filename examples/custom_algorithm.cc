// Trains a small classifier with an algorithm of its own.
//
//   ./bazelw run //examples:custom_algorithm

#include <ATen/ATen.h>

#include <iostream>

#include "composer/composer.h"
#include "models/mlp.h"

// README: begin
using namespace composer;

// Adds Gaussian noise to the inputs while training (Bishop, 1995), fading out over the run.
class InputNoise final : public Algorithm {
 public:
  explicit InputNoise(double sigma) : sigma_(sigma) {}

  AlgorithmTraits traits() const override {
    return {.events = {Event::kBeforeForward, Event::kAfterBackward},
            .paper = "Training with noise is equivalent to Tikhonov regularization (Bishop, 1995)"};
  }
  bool match(Event event, const State& state) const override { return sigma_ > 0; }

  void apply(Event event, State& state, Logger& logger) override {
    if (event == Event::kBeforeForward) {
      clean_ = state.batch.at("input");
      const double sigma = sigma_ * (1 - state.elapsed_duration());
      // The algorithm's own random numbers: they move no other's, and a resumed run repeats them.
      const at::Tensor noise = at::randn(clean_.sizes(), state.generator(name()));
      state.batch.set("input", clean_.add(noise, sigma));
      logger.log_metric("input_noise/sigma", sigma);
    } else {
      state.batch.set("input", clean_);  // the batch is as it was found
    }
  }

 private:
  const double sigma_;
  at::Tensor clean_;
};
// README: end

// Two classes, told apart by the sign of the sum of their features.
Batch make_batch() {
  const at::Tensor input = at::randn({64, 8});
  return {{"input", input}, {"target", input.sum(1).gt(0).to(at::kLong)}};
}

absl::Status train() {
  seed_everything(17);
  std::vector<Batch> batches;
  for (int i = 0; i < 32; ++i) batches.push_back(make_batch());

  TrainerOptions options;
  options.model =
      std::make_shared<Mlp>(MlpOptions{.input_size = 8, .hidden_sizes = {32}, .num_classes = 2});
  options.train = std::make_shared<BatchesLoader>(batches);
  options.evaluators = {
      {.label = "test", .data = std::make_shared<BatchesLoader>(std::vector{make_batch()})}};
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.algorithms.push_back(std::make_unique<InputNoise>(0.2));
  options.max_duration = "5ep";
  COMPOSER_ASSIGN_OR_RETURN(auto trainer, Trainer::create(std::move(options)));
  COMPOSER_RETURN_IF_ERROR(trainer->fit());
  for (const auto& [name, value] : trainer->state().eval_metrics.at("test")) {
    std::cout << name << " " << value << "\n";
  }
  return absl::OkStatus();
}

int main() {
  const absl::Status status = train();
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
