#include "algorithms/ema.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/algorithms/weight_runs.h"
#include "tests/testing/resume.h"

namespace composer {
namespace {

using testing::expect_composers_run;
using testing::expect_near_run;
using testing::IsExactly;
using testing::IsNear;
using testing::list_of;
using testing::run_options;
using testing::weights_of;

StateDict average_of(const Trainer& trainer) {
  return **trainer.state().algorithms.front()->state_dict().cloned().child("average");
}

std::unique_ptr<Trainer> fitted(TrainerOptions options) {
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->fit();
  EXPECT_TRUE(status.ok()) << status;
  return *std::move(trainer);
}

TEST(ComputeEma, IsComposersFormulaAndCopiesIntegers) {
  const std::vector<at::Tensor> weights = {at::tensor({1.f, -2.f}), at::tensor({7L}),
                                           at::ones({3}, at::kDouble)};
  const std::vector<at::Tensor> averages = {at::tensor({3.f, 2.f}), at::tensor({4L}),
                                            at::zeros({3}, at::kDouble)};
  compute_ema(weights, averages, 0.75);
  EXPECT_THAT(averages[0], IsNear(at::tensor({2.5f, 1.f}), 1e-6));
  EXPECT_THAT(averages[1], IsExactly(at::tensor({7L})));
  EXPECT_THAT(averages[2], IsNear(at::full({3}, 0.25, at::kDouble), 1e-12));
}

TEST(ComputeEma, KeepsWhatSixteenBitsWouldRoundAway) {
  const std::vector<at::Tensor> weights = {at::ones({1}, at::kBFloat16)};
  const std::vector<at::Tensor> averages = {at::zeros({1})};
  for (int i = 0; i < 1000; ++i) compute_ema(weights, averages, 0.9999);
  EXPECT_THAT(averages[0], IsNear(at::full({1}, 1 - std::pow(0.9999, 1000)).to(at::kFloat), 1e-4));
}

TEST(ComputeEma, RefusesListsOfDifferentLengths) {
  EXPECT_THROW(compute_ema({at::ones({1})}, {}, 0.5), c10::ValueError);
}

TEST(Ema, GivesComposersLossesAndAverages) {
  const auto trainer = expect_composers_run(
      "ema", list_of(std::make_unique<Ema>(EmaOptions{.half_life = Time::batches(4)})));
  expect_near_run(average_of(*trainer), "ema/average");
}

TEST(Ema, GivesComposersLossesWhenItStartsLateAndUpdatesSeldom) {
  const auto trainer = expect_composers_run(
      "ema_late", list_of(std::make_unique<Ema>(EmaOptions{.half_life = Time::batches(6),
                                                           .ema_start = Time::duration(0.25),
                                                           .update_interval = Time::batches(2)})));
  expect_near_run(average_of(*trainer), "ema_late/average");
}

TEST(Ema, TheModelEndsWithTheAverageAndTheStateKeepsTheTrainedWeights) {
  const auto trainer = fitted(
      run_options(list_of(std::make_unique<Ema>(EmaOptions{.half_life = Time::batches(4)}))));
  expect_near_run(weights_of(*trainer), "ema/average");
  expect_near_run(**trainer->state().algorithms.front()->state_dict().child("trained"),
                  "plain/final");
}

TEST(Ema, TrainingGoesOnFromTheTrainedWeights) {
  const auto options = [](const char* duration) {
    TrainerOptions options =
        run_options(list_of(std::make_unique<Ema>(EmaOptions{.half_life = Time::batches(4)})));
    options.max_duration = duration;
    return options;
  };
  const auto whole = fitted(options("20ba"));
  const auto parts = fitted(options("12ba"));
  ASSERT_TRUE(parts->eval().ok());
  ASSERT_TRUE(parts->fit({.duration = "8ba"}).ok());
  EXPECT_EQ(weights_of(*parts).first_difference(weights_of(*whole)), "");
  EXPECT_EQ(average_of(*parts).first_difference(average_of(*whole)), "");
}

// Breaks off an evaluation.
class Thrower final : public Callback {
 public:
  void eval_batch_end(State& state, Logger&) override {
    if (state.timestamp.batch == 3 && !std::exchange(thrown_, true)) {
      TORCH_CHECK(false, "the test breaks it off");
    }
  }

 private:
  bool thrown_ = false;
};

TEST(Ema, AnEvaluationThatFailsLosesNoTrainedWeights) {
  const auto ema = [] {
    return list_of(std::make_unique<Ema>(EmaOptions{.half_life = Time::batches(4)}));
  };
  const auto whole = fitted(run_options(ema()));
  TrainerOptions options = run_options(ema());
  options.callbacks.push_back(std::make_unique<Thrower>());
  auto broken = Trainer::create(std::move(options));
  ASSERT_TRUE(broken.ok()) << broken.status();
  ASSERT_FALSE((*broken)->fit().ok());
  ASSERT_TRUE((*broken)->fit().ok());
  EXPECT_EQ(average_of(**broken).first_difference(average_of(*whole)), "");
}

TEST(Ema, PredictsWithTheAverage) {
  TrainerOptions options =
      run_options(list_of(std::make_unique<Ema>(EmaOptions{.half_life = Time::batches(4)})));
  const std::shared_ptr<DataLoader> data = options.evaluators.front().data;
  const auto trained = fitted(std::move(options));
  const auto expected = trained->predict(*data);
  ASSERT_TRUE(expected.ok()) << expected.status();
  // One that is taken up where the weights are the trained ones.
  auto resumed = Trainer::create(
      run_options(list_of(std::make_unique<Ema>(EmaOptions{.half_life = Time::batches(4)}))));
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  StateDict state = trained->state_dict().cloned();
  StateDict algorithm = trained->state().algorithms.front()->state_dict().cloned();
  state.set("model", **algorithm.child("trained"));
  algorithm.set("trained", StateDict());
  StateDict algorithms;
  algorithms.set("0", algorithm);
  state.set("algorithms", algorithms);
  ASSERT_TRUE((*resumed)->load_state_dict(state).ok());
  const StateDict before = weights_of(**resumed);
  const auto predicted = (*resumed)->predict(*data);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  EXPECT_THAT(predicted->front().at("logits"), IsExactly(expected->front().at("logits")));
  EXPECT_EQ(weights_of(**resumed).first_difference(before), "");
}

TEST(Ema, GoesOnFromACheckpointWithTheSameBits) {
  testing::expect_exact_resume(
      [] {
        TrainerOptions options = run_options(list_of(std::make_unique<Ema>(
            EmaOptions{.half_life = Time::batches(3), .ema_start = Time::batches(2)})));
        options.max_duration = "8ba";
        return options;
      },
      {{{Event::kBatchEnd, 1}},
       {{Event::kEvalBatchEnd, 4}},
       {{Event::kEvalStart, 5}},
       {{Event::kBatchEnd, 3}, {Event::kEvalEnd, 6}}});
}

TEST(Ema, SmoothingAloneUpdatesEachBatch) {
  EXPECT_EQ(Ema({.smoothing = 0.9}).smoothing(), 0.9);
  EXPECT_EQ(Ema({.smoothing = 0.9}).traits().events[1], Event::kBatchEnd);
  EXPECT_NEAR(Ema().smoothing(), std::exp2(-1 / 1000.0), 1e-15);
  const Ema epochs({.half_life = Time::epochs(4)});
  EXPECT_NEAR(epochs.smoothing(), std::exp2(-0.25), 1e-15);
  EXPECT_EQ(epochs.traits().events[1], Event::kEpochEnd);
}

absl::Status status_of(void (*fill)(config::Ema&)) {
  config::Ema config;
  fill(config);
  return Ema::create(config).status();
}

TEST(Ema, RefusesSettingsThatMakeNoSense) {
  EXPECT_EQ(field_of(status_of([](config::Ema& config) {
              config.set_half_life("10ba");
              config.set_smoothing(0.5);
            })),
            "smoothing");
  EXPECT_EQ(field_of(status_of([](config::Ema& config) { config.set_smoothing(1); })), "smoothing");
  EXPECT_EQ(field_of(status_of([](config::Ema& config) { config.set_half_life("0ba"); })),
            "half_life");
  EXPECT_EQ(field_of(status_of([](config::Ema& config) { config.set_half_life("10sp"); })),
            "half_life");
  EXPECT_EQ(field_of(status_of([](config::Ema& config) { config.set_half_life("ten"); })),
            "half_life");
  EXPECT_EQ(field_of(status_of([](config::Ema& config) {
              config.set_half_life("10ba");
              config.set_update_interval("1ep");
            })),
            "update_interval");
  EXPECT_EQ(field_of(status_of([](config::Ema& config) { config.set_ema_start("30sec"); })),
            "ema_start");
  EXPECT_EQ(field_of(status_of([](config::Ema& config) { config.set_ema_start("2dur"); })),
            "ema_start");
}

TEST(Ema, TheAverageOfAnotherModelIsRefused) {
  const auto trainer = fitted(
      run_options(list_of(std::make_unique<Ema>(EmaOptions{.half_life = Time::batches(4)}))));
  StateDict state = trainer->state().algorithms.front()->state_dict().cloned();
  StateDict average = **state.child("average");
  average.set("fc2.bias", at::zeros({4}));
  state.set("average", average);
  ASSERT_TRUE(trainer->state().algorithms.front()->load_state_dict(state).ok());
  const absl::Status status = trainer->fit({.duration = "1ba"});
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("\"fc2.bias\"")) << status;
}

}  // namespace
}  // namespace composer
