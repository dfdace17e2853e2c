// What every optimizer in the registry must hold inside a Trainer. A new one is found by itself;
// one with required fields needs a line in `settings`.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_split.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/registered.h"
#include "tests/testing/resume.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::TinyLoader;
using testing::TinyModel;

constexpr int64_t kBatchSize = 6;

std::string settings(const std::string& config) {
  static const auto* const kSettings = new std::map<std::string, std::string>{
      {"composer.config.Sgd", "lr: 0.1 momentum: 0.9 dampening: 0.1"},
      {"composer.config.DecoupledSgdW", "lr: 0.1 momentum: 0.9 dampening: 0.1 weight_decay: 1e-4"},
  };
  const auto position = kSettings->find(config);
  return position == kSettings->end() ? "" : position->second;
}

OptimizerFactory factory(const std::string& config) {
  return [config](std::vector<NamedParameter> parameters) {
    auto optimizer = testing::make_registered<Optimizer>(config, settings(config), parameters);
    EXPECT_TRUE(optimizer.ok()) << optimizer.status() << "; give its required fields in settings()";
    return optimizer;
  };
}

TrainerOptions options_of(const std::string& optimizer) {
  seed_everything(5);
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(4 * kBatchSize, kBatchSize);
  options.evaluators = {{.data = std::make_shared<TinyLoader>(2 * kBatchSize, kBatchSize, 9)}};
  options.max_duration = "2ep";
  options.optimizers = {factory(optimizer)};
  return options;
}

class OptimizerConformance : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_P(OptimizerConformance, TheModelLearns) {
  const auto trainer = Trainer::create(options_of(GetParam()));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const at::Tensor start = (*trainer)->state().model->parameters()[0].detach().clone();
  ASSERT_TRUE((*trainer)->fit().ok());
  const at::Tensor trained = (*trainer)->state().model->parameters()[0];
  EXPECT_FALSE(trained.equal(start));
  EXPECT_TRUE(at::isfinite(trained).all().item<bool>());
}

TEST_P(OptimizerConformance, GoesOnFromACheckpointWithTheSameBits) {
  testing::expect_exact_resume([] { return options_of(GetParam()); });
}

INSTANTIATE_TEST_SUITE_P(Registered, OptimizerConformance,
                         ::testing::ValuesIn(Registry<Optimizer>::global().names()),
                         [](const auto& info) {
                           const std::vector<std::string> parts = absl::StrSplit(info.param, '.');
                           return parts.back();
                         });

TEST(Registry, HasTheOptimizersOfTheCatalogue) {
  EXPECT_GE(Registry<Optimizer>::global().names().size(), 11u);
}

}  // namespace
}  // namespace composer
