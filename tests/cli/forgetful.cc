// An algorithm with a mistake that a resume brings out: its count of steps is in no checkpoint.

#include <ATen/core/grad_mode.h>

#include <memory>

#include "composer/plugin.h"
#include "tests/cli/forgetful.pb.h"

namespace composer::testing {

class ForgetfulAlgorithm final : public Algorithm {
 public:
  using Config = Forgetful;

  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config) {
    return std::make_unique<ForgetfulAlgorithm>();
  }

  AlgorithmTraits traits() const override { return {.events = {Event::kAfterTrainBatch}}; }

  bool match(Event event, const State& state) const override { return true; }

  void apply(Event event, State& state, Logger& logger) override {
    const at::NoGradGuard no_grad;
    const double scale = 1 / (1 + 0.1 * static_cast<double>(steps_++));
    for (const auto& optimizer : state.optimizers) {
      for (const ParameterGroup& group : optimizer->groups()) {
        for (const NamedParameter& parameter : group.parameters) {
          if (parameter.tensor.grad().defined()) parameter.tensor.grad().mul_(scale);
        }
      }
    }
  }

  std::string name() const override { return "Forgetful"; }

 private:
  int64_t steps_ = 0;
};

COMPOSER_REGISTER(Algorithm, ForgetfulAlgorithm);

}  // namespace composer::testing

COMPOSER_PLUGIN();
