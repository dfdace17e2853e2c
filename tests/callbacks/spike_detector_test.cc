#include "composer/callbacks/spike_detector.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/data/batches_loader.h"
#include "composer/loggers/in_memory.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

// A loss and a gradient that the batch says: weight * grad + loss, at a weight that does not move.
class Scripted final : public ComposerModel {
 public:
  Scripted() { weight = register_parameter("weight", at::zeros({1})); }
  Outputs forward(const Batch& batch) override { return {}; }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    return (weight * batch.at("grad") + batch.at("loss")).sum();
  }

  at::Tensor weight;
};

struct Numbers {
  double loss, grad;
};

struct WatchedRun {
  std::shared_ptr<Scripted> model = std::make_shared<Scripted>();
  SpikeDetector* detector = nullptr;
  InMemoryLogger* log = nullptr;
  std::unique_ptr<Trainer> trainer;

  WatchedRun(const std::vector<Numbers>& steps, const SpikeDetector::Options& options,
             OnBadStep policy = OnBadStep::kSkip) {
    std::vector<Batch> batches;
    for (const Numbers& step : steps) {
      batches.push_back({{"grad", at::full({1}, step.grad)}, {"loss", at::full({1}, step.loss)}});
    }
    auto callback = std::make_unique<SpikeDetector>(options);
    auto logger = std::make_unique<InMemoryLogger>();
    detector = callback.get();
    log = logger.get();
    TrainerOptions trainer_options;
    trainer_options.model = model;
    trainer_options.max_duration = absl::StrCat(steps.size(), "ba");
    trainer_options.train = std::make_shared<BatchesLoader>(std::move(batches));
    trainer_options.optimizers = {testing::plain_sgd(0)};
    trainer_options.callbacks.push_back(std::move(callback));
    trainer_options.loggers.push_back(std::move(logger));
    trainer_options.on_bad_step = policy;
    trainer_options.max_consecutive_skips = 1000;
    trainer_options.treat_cpu_as_device = options.treat_cpu_as_device;
    auto created = Trainer::create(std::move(trainer_options));
    EXPECT_TRUE(created.ok()) << created.status();
    trainer = *std::move(created);
  }

  // The z-scores of the steps that were judged, by batch.
  std::vector<double> scores(const std::string& name) const {
    std::vector<double> values;
    for (const auto& entry : log->history(name)) {
      if (!std::isnan(entry.value)) values.push_back(entry.value);
    }
    return values;
  }
};

// Noise from a fixed sequence, around 2 (loss) and 5 (gradient).
std::vector<Numbers> noise(int64_t steps) {
  std::vector<Numbers> result;
  uint32_t seed = 12345;
  const auto draw = [&] {
    seed = seed * 1664525 + 1013904223;
    return static_cast<double>(seed >> 8) / (1 << 24) - 0.5;
  };
  for (int64_t i = 0; i < steps; ++i) result.push_back({2 + draw(), 5 + 2 * draw()});
  return result;
}

class SpikeDetectorTest : public ::testing::TestWithParam<bool> {
 protected:
  SpikeDetector::Options options(int64_t window = 8, int64_t min_steps = 4) const {
    return {.window = window, .min_steps = min_steps, .treat_cpu_as_device = GetParam()};
  }
};

INSTANTIATE_TEST_SUITE_P(OnHostAndDevice, SpikeDetectorTest, ::testing::Bool());

TEST_P(SpikeDetectorTest, ScoresAreThoseOfTheGoodStepsInTheWindow) {
  std::vector<Numbers> steps = noise(30);
  steps[12].loss = 50;
  steps[20].grad = -90;  // the norm counts
  WatchedRun run(steps, options());
  ASSERT_TRUE(run.trainer->fit().ok());
  EXPECT_EQ(run.trainer->state().skipped.batches, 2);

  std::vector<double> loss_scores, norm_scores;
  std::deque<Numbers> window;
  const auto score = [&](double number, double Numbers::*field) {
    double mean = 0, variance = 0;
    for (const Numbers& each : window) mean += each.*field / static_cast<double>(window.size());
    for (const Numbers& each : window) {
      variance += (each.*field - mean) * (each.*field - mean) / static_cast<double>(window.size());
    }
    return (number - mean) / std::sqrt(variance);
  };
  for (const Numbers& step : steps) {
    const Numbers seen = {static_cast<float>(step.loss), std::abs(static_cast<float>(step.grad))};
    bool spike = false;
    if (window.size() >= 4) {
      loss_scores.push_back(score(seen.loss, &Numbers::loss));
      norm_scores.push_back(score(seen.grad, &Numbers::grad));
      spike = loss_scores.back() > 6 || norm_scores.back() > 6;
    }
    if (spike) continue;
    window.push_back(seen);
    if (window.size() > 8) window.pop_front();
  }
  const std::vector<double> losses = run.scores("spike_detector/loss_z_score");
  const std::vector<double> norms = run.scores("spike_detector/grad_norm_z_score");
  ASSERT_EQ(losses.size(), loss_scores.size());
  ASSERT_EQ(norms.size(), norm_scores.size());
  for (size_t i = 0; i < losses.size(); ++i) {
    EXPECT_NEAR(losses[i], loss_scores[i], 1e-6 * (1 + std::abs(loss_scores[i]))) << i;
    EXPECT_NEAR(norms[i], norm_scores[i], 1e-6 * (1 + std::abs(norm_scores[i]))) << i;
  }
  EXPECT_GT(losses[12 - 4], 6);
  EXPECT_NEAR(run.log->history("spike_detector/grad_norm")[20].value, 90, 1e-5);
}

TEST_P(SpikeDetectorTest, ASpikeStopsTheRunBeforeItsUpdate) {
  std::vector<Numbers> steps = noise(20);
  steps[15].grad = 1000;
  WatchedRun run(steps, options(), OnBadStep::kStop);
  const absl::Status status = run.trainer->fit();
  EXPECT_TRUE(is_diverged(status)) << status;
  EXPECT_NE(status.message().find("spike"), absl::string_view::npos) << status;
  EXPECT_EQ(run.trainer->state().timestamp.batch, 15);
}

TEST_P(SpikeDetectorTest, JudgesNothingBeforeItHasSeenEnough) {
  std::vector<Numbers> steps = noise(4);
  steps[3].loss = 1e6;
  WatchedRun run(steps, options());
  ASSERT_TRUE(run.trainer->fit().ok());
  EXPECT_EQ(run.trainer->state().skipped.batches, 0);
}

TEST_P(SpikeDetectorTest, LooksOnlyAtWhatItIsToldTo) {
  std::vector<Numbers> steps = noise(12);
  steps[8].loss = 1e6;
  steps[10].grad = 1e6;
  for (const bool loss : {false, true}) {
    SpikeDetector::Options only = options();
    only.loss = loss;
    only.grad_norm = !loss;
    WatchedRun run(steps, only);
    ASSERT_TRUE(run.trainer->fit().ok());
    EXPECT_EQ(run.trainer->state().skipped.batches, 1);
    EXPECT_EQ(run.scores("spike_detector/loss_z_score").empty(), !loss);
    EXPECT_EQ(run.scores("spike_detector/grad_norm_z_score").empty(), loss);
  }
}

TEST_P(SpikeDetectorTest, EqualNumbersAndSmallerOnesAreNoSpike) {
  std::vector<Numbers> steps(12, {2, 5});
  steps[9] = {2.0000001, 5};
  steps[10] = {1e-3, 0};
  WatchedRun run(steps, options());
  ASSERT_TRUE(run.trainer->fit().ok());
  EXPECT_EQ(run.trainer->state().skipped.batches, 0);
}

TEST_P(SpikeDetectorTest, NumbersThatAreNotFiniteAreLeftToOthers) {
  std::vector<Numbers> steps = noise(16);
  steps[7].loss = std::numeric_limits<double>::infinity();
  steps[9].grad = std::numeric_limits<double>::quiet_NaN();
  SpikeDetector::Options watched = options();
  WatchedRun run(steps, watched);
  ASSERT_TRUE(run.trainer->fit().ok());
  EXPECT_EQ(run.trainer->state().skipped.batches, 2) << "by what looks at gradients and the loss";
  // Those after them are judged by numbers, not by NaN.
  EXPECT_EQ(run.scores("spike_detector/loss_z_score").size(), 16 - 4 - 1);
}

TEST_P(SpikeDetectorTest, AResumedRunJudgesAlike) {
  std::vector<Numbers> steps = noise(24);
  steps[17].loss = 40;
  WatchedRun whole(steps, options());
  ASSERT_TRUE(whole.trainer->fit().ok());
  const std::vector<double> expected = whole.scores("spike_detector/loss_z_score");

  WatchedRun first(steps, options());
  ASSERT_TRUE(first.trainer->fit({.duration = "11ba"}).ok());
  WatchedRun second(steps, options());
  const absl::Status loaded = second.trainer->load_state_dict(first.trainer->state_dict());
  ASSERT_TRUE(loaded.ok()) << loaded;
  ASSERT_TRUE(second.trainer->fit({.duration = "13ba"}).ok());
  EXPECT_EQ(second.trainer->state().skipped.batches, 1);
  const std::vector<double> resumed = second.scores("spike_detector/loss_z_score");
  EXPECT_EQ(resumed, std::vector<double>(expected.end() - 13, expected.end()));
  EXPECT_EQ(whole.detector->state_dict().first_difference(second.detector->state_dict()), "");
}

TEST(SpikeDetectorConfigTest, SettingsThatCannotWorkAreRefused) {
  config::SpikeDetector config;
  config.set_window(8);
  EXPECT_EQ(field_of(SpikeDetector::create(config).status()), "min_steps");
  config.set_min_steps(8);
  EXPECT_TRUE(SpikeDetector::create(config).ok());
  config.set_loss(false);
  config.set_grad_norm(false);
  EXPECT_EQ(field_of(SpikeDetector::create(config).status()), "grad_norm");
}

// The norm is that of before clipping: an algorithm that changes the gradients comes later.
class Zeroes final : public Algorithm {
 public:
  AlgorithmTraits traits() const override { return {.events = {Event::kAfterTrainBatch}}; }
  bool match(Event event, const State& state) const override { return true; }
  void apply(Event event, State& state, Logger& logger) override {
    for (const at::Tensor& parameter : state.model->parameters()) parameter.grad().zero_();
  }
};

TEST(SpikeDetectorOrderTest, SeesGradientsBeforeAlgorithmsDo) {
  auto logger = std::make_unique<InMemoryLogger>();
  InMemoryLogger* const log = logger.get();
  TrainerOptions options;
  options.model = std::make_shared<Scripted>();
  options.max_duration = "1ba";
  options.train = std::make_shared<BatchesLoader>(
      std::vector<Batch>{{{"grad", at::full({1}, 3.0)}, {"loss", at::ones({1})}}});
  options.optimizers = {testing::plain_sgd(0)};
  options.algorithms.push_back(std::make_unique<Zeroes>());
  options.callbacks.push_back(std::make_unique<SpikeDetector>(SpikeDetector::Options()));
  options.loggers.push_back(std::move(logger));
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  ASSERT_TRUE((*trainer)->fit().ok());
  EXPECT_EQ(log->latest("spike_detector/grad_norm"), 3);
}

}  // namespace
}  // namespace composer
