// What every callback in the registry must hold. A new one needs a line in `samples`.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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

struct Case {
  std::string config;
  std::string settings;

  friend std::ostream& operator<<(std::ostream& out, const Case& callback) {
    return out << callback.config << " { " << callback.settings << " }";
  }
};

// So that each acts within eight steps; all ways in which it does.
const std::map<std::string, std::vector<std::string>>& samples() {
  static const auto* const kSamples = new std::map<std::string, std::vector<std::string>>{
      {"composer.config.LRMonitor", {""}},
      {"composer.config.NaNMonitor", {"", "interval: '3ba'"}},
      {"composer.config.ReduceLROnPlateau",
       {"monitor: 'loss/train/total' patience: 0 threshold: 0.9 factor: 0.5",
        "monitor: 'metrics/eval/accuracy' mode: MAX patience: 0 threshold: 0.9 cooldown: 1"}},
      {"composer.config.SpeedMonitor", {"window_size: 3"}},
      {"composer.config.SpikeDetector",
       {"window: 4 min_steps: 2 threshold: 100", "window: 3 min_steps: 2 threshold: 0.5"}},
  };
  return *kSamples;
}

std::vector<Case> cases() {
  std::vector<Case> cases;
  for (const std::string& config : Registry<Callback>::global().names()) {
    const auto position = samples().find(config);
    if (position == samples().end()) continue;
    for (const std::string& settings : position->second) cases.push_back({config, settings});
  }
  return cases;
}

TEST(Registry, EachCallbackHasASample) {
  for (const std::string& config : Registry<Callback>::global().names()) {
    EXPECT_EQ(samples().count(config), 1u) << config << " needs a line in samples()";
  }
  EXPECT_GE(cases().size(), 8u);
}

TrainerOptions options_of(const Case& sample) {
  seed_everything(5);
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(4 * kBatchSize, kBatchSize);
  options.evaluators = {
      {.data = std::make_shared<TinyLoader>(2 * kBatchSize, kBatchSize, 9), .interval = "2ba"}};
  options.max_duration = "2ep";
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.on_bad_step = OnBadStep::kSkip;
  auto callback = testing::make_registered<Callback>(sample.config, sample.settings);
  EXPECT_TRUE(callback.ok()) << callback.status();
  if (callback.ok()) options.callbacks.push_back(*std::move(callback));
  return options;
}

class CallbackConformance : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_P(CallbackConformance, GoesOnFromACheckpointWithTheSameBits) {
  testing::expect_exact_resume([] { return options_of(GetParam()); });
}

INSTANTIATE_TEST_SUITE_P(Registered, CallbackConformance, ::testing::ValuesIn(cases()),
                         [](const auto& info) {
                           const std::vector<std::string> parts =
                               absl::StrSplit(info.param.config, '.');
                           return absl::StrCat(parts.back(), info.index);
                         });

}  // namespace
}  // namespace composer
