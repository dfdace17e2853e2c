// An algorithm in a library of its own. Built by
//   ./bazelw build //examples/plugin:gradient_centralization.so
// loaded by --plugin=bazel-bin/examples/plugin/gradient_centralization.so, and named in a config as
//   algorithms { plugin { [type.googleapis.com/composer.examples.GradientCentralization] {} } }

#include <ATen/core/grad_mode.h>
#include <ATen/ops/mean.h>

#include <memory>
#include <vector>

#include "composer/plugin.h"
#include "examples/plugin/gradient_centralization.pb.h"

namespace composer::examples {

class GradientCentralizationAlgorithm final : public Algorithm {
 public:
  using Config = GradientCentralization;

  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config) {
    if (!(config.strength() >= 0 && config.strength() <= 1)) {
      return field_error("strength", "must be from 0 to 1");
    }
    return std::make_unique<GradientCentralizationAlgorithm>(config);
  }

  explicit GradientCentralizationAlgorithm(const Config& config) : config_(config) {}

  AlgorithmTraits traits() const override {
    return {.events = {Event::kAfterTrainBatch}, .paper = "Yong et al., 2020, arXiv:2004.01461"};
  }

  bool match(Event event, const State& state) const override {
    return event == Event::kAfterTrainBatch;
  }

  void apply(Event event, State& state, Logger& logger) override {
    const at::NoGradGuard no_grad;
    int64_t centralized = 0;
    for (const auto& optimizer : state.optimizers) {
      for (const ParameterGroup& group : optimizer->groups()) {
        for (const NamedParameter& parameter : group.parameters) {
          const at::Tensor& gradient = parameter.tensor.grad();
          // A bias has no weights to take the mean over.
          if (!gradient.defined() || gradient.dim() < 2) continue;
          std::vector<int64_t> inputs;
          for (int64_t i = 1; i < gradient.dim(); ++i) inputs.push_back(i);
          gradient.sub_(gradient.mean(inputs, /*keepdim=*/true), config_.strength());
          ++centralized;
        }
      }
    }
    logger.log_metric("gradient_centralization/tensors", static_cast<double>(centralized));
  }

  std::string name() const override { return "GradientCentralization"; }

 private:
  const Config config_;
};

COMPOSER_REGISTER(Algorithm, GradientCentralizationAlgorithm);

}  // namespace composer::examples

COMPOSER_PLUGIN();
