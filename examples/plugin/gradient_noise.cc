// An algorithm in a library of its own. Built by
//   ./bazelw build //examples/plugin:gradient_noise.so
// loaded by --plugin=bazel-bin/examples/plugin/gradient_noise.so, and named in a config as
//   algorithms { plugin { [type.googleapis.com/composer.examples.GradientNoise] { eta: 0.01 } } }

#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>

#include <cmath>
#include <memory>

#include "composer/plugin.h"
#include "examples/plugin/gradient_noise.pb.h"

namespace composer::examples {

class GradientNoiseAlgorithm final : public Algorithm {
 public:
  using Config = GradientNoise;

  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config) {
    if (!(config.eta() >= 0)) return field_error("eta", "must not be negative");
    return std::make_unique<GradientNoiseAlgorithm>(config);
  }

  explicit GradientNoiseAlgorithm(const Config& config) : config_(config) {}

  AlgorithmTraits traits() const override {
    return {.events = {Event::kAfterTrainBatch},
            .paper = "Neelakantan et al., 2015, arXiv:1511.06807"};
  }

  bool match(Event event, const State& state) const override {
    return event == Event::kAfterTrainBatch;
  }

  void apply(Event event, State& state, Logger& logger) override {
    const at::NoGradGuard no_grad;
    const double batches = 1 + static_cast<double>(state.timestamp.batch);
    const double sigma = std::sqrt(config_.eta() / std::pow(batches, config_.gamma()));
    const at::Generator generator = state.generator(name());
    for (const auto& optimizer : state.optimizers) {
      for (const ParameterGroup& group : optimizer->groups()) {
        for (const NamedParameter& parameter : group.parameters) {
          const at::Tensor& gradient = parameter.tensor.grad();
          if (!gradient.defined()) continue;
          const at::Tensor noise =
              at::randn(gradient.sizes(), generator, gradient.options().device(at::kCPU));
          gradient.add_(noise.to(gradient.device()), sigma);
        }
      }
    }
    logger.log_metric("gradient_noise/sigma", sigma);
  }

  std::string name() const override { return "GradientNoise"; }

 private:
  const Config config_;
};

COMPOSER_REGISTER(Algorithm, GradientNoiseAlgorithm);

}  // namespace composer::examples

COMPOSER_PLUGIN();
