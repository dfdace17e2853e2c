// What every scheduler in the registry must hold. A new one needs a line in `samples`.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_split.h"
#include "composer/callbacks/lr_monitor.h"
#include "composer/core/registries.h"
#include "composer/optim/sgd.h"
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

// So that each moves within eight steps.
const std::map<std::string, std::string>& samples() {
  static const auto* const kSamples = new std::map<std::string, std::string>{
      {"composer.config.ConstantSchedule", "alpha: 0.5 t_max: '5ba' t_warmup: '2ba'"},
      {"composer.config.CosineAnnealingSchedule", "t_warmup: '0.2dur' alpha_f: 0.1"},
      {"composer.config.CosineAnnealingWarmRestartsSchedule", "t_0: '3ba' t_mult: 1.5"},
      {"composer.config.ExponentialSchedule", "gamma: 0.5 decay_period: '2ba'"},
      {"composer.config.ForGroupsSchedule",
       "patterns: '' scheduler { linear { alpha_f: 0.1 t_max: '1ep' } }"},
      {"composer.config.InverseSqrtSchedule", "t_warmup: '7sp' t_scale: '12sp'"},
      {"composer.config.LinearSchedule", "t_warmup: '6sp' t_max: '40sp'"},
      {"composer.config.MultiStepSchedule", "milestones: ['1ba', '1ep', '0.8dur']"},
      {"composer.config.OneCycleSchedule", ""},
      {"composer.config.PolynomialSchedule", "t_max: '6ba' alpha_f: 0.1"},
      {"composer.config.SequenceSchedule",
       "parts { until: '3ba' scheduler { linear { alpha_i: 0.1 alpha_f: 1 } } } "
       "parts { scheduler { cosine_annealing {} } }"},
      {"composer.config.StepSchedule", "step_size: '3ba'"},
  };
  return *kSamples;
}

TEST(Registry, EachSchedulerHasASample) {
  for (const std::string& config : Registry<Scheduler>::global().names()) {
    EXPECT_EQ(samples().count(config), 1u) << config << " needs a line in samples()";
  }
  EXPECT_GE(Registry<Scheduler>::global().names().size(), 12u);
}

TrainerOptions options_of(const std::string& config) {
  seed_everything(5);
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(4 * kBatchSize, kBatchSize);
  options.evaluators = {{.data = std::make_shared<TinyLoader>(2 * kBatchSize, kBatchSize, 9)}};
  options.max_duration = "2ep";
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.callbacks.push_back(std::make_unique<LRMonitor>());
  const auto sample = samples().find(config);
  if (sample == samples().end()) return options;
  auto scheduler = testing::make_registered<Scheduler>(config, sample->second);
  EXPECT_TRUE(scheduler.ok()) << scheduler.status();
  if (scheduler.ok()) options.schedulers.push_back(*std::move(scheduler));
  return options;
}

class SchedulerConformance : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_P(SchedulerConformance, GoesOnFromACheckpointWithTheSameBits) {
  testing::expect_exact_resume([] { return options_of(GetParam()); });
}

INSTANTIATE_TEST_SUITE_P(Registered, SchedulerConformance,
                         ::testing::ValuesIn(Registry<Scheduler>::global().names()),
                         [](const auto& info) {
                           const std::vector<std::string> parts = absl::StrSplit(info.param, '.');
                           return parts.back();
                         });

}  // namespace
}  // namespace composer
