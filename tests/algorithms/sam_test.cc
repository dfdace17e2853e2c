#include "algorithms/sam.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/gradient_clipping.h"
#include "composer/base/status.h"
#include "composer/core/state.h"
#include "composer/optim/lbfgs.h"
#include "composer/optim/sgd.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/algorithms/weight_runs.h"
#include "tests/testing/resume.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::expect_composers_run;
using testing::expect_near_run;
using testing::IsExactly;
using testing::IsNear;
using testing::list_of;
using testing::PlainSgd;
using testing::run_options;
using testing::weights_of;

std::unique_ptr<Algorithm> sam(SamOptions options) { return std::make_unique<Sam>(options); }

TEST(Climb, GoesRhoFarAlongTheGradientOfAllParametersTogether) {
  const std::vector<at::Tensor> parameters = {at::zeros({1}), at::ones({1})};
  climb(parameters, {at::full({1}, 3.f), at::full({1}, 4.f)}, 0.5, 1e-12);
  EXPECT_THAT(parameters[0], IsNear(at::full({1}, 0.3f), 1e-6));
  EXPECT_THAT(parameters[1], IsNear(at::full({1}, 1.4f), 1e-6));
}

TEST(Climb, StaysWhereThereIsNoGradient) {
  const std::vector<at::Tensor> parameters = {at::ones({2})};
  climb(parameters, {at::zeros({2})}, 0.5, 1e-12);
  EXPECT_THAT(parameters[0], IsExactly(at::ones({2})));
  climb({}, {}, 0.5, 1e-12);
}

// A weight of 1 with the loss w^2.
class SamOptimizerTest : public ::testing::Test {
 protected:
  SamOptimizerTest() {
    optimizer_ = std::make_unique<SamOptimizer>(
        std::make_unique<PlainSgd>(std::vector<NamedParameter>{{"w", weight_}}, 0.1), 0.5, 1e-12);
  }
  at::Tensor evaluate() {
    seen_.push_back(weight_.item<float>());
    weight_.mutable_grad() = 2 * weight_.detach();
    return weight_.detach().square().sum();
  }
  float weight() const { return weight_.item<float>(); }

  const at::Tensor weight_ = at::full({1}, 1.f).requires_grad_();
  std::vector<float> seen_;
  std::unique_ptr<SamOptimizer> optimizer_;
};

TEST_F(SamOptimizerTest, UpdatesByTheGradientAtThePeak) {
  EXPECT_EQ(optimizer_->step([&] { return evaluate(); }).item<float>(), 1);
  EXPECT_THAT(seen_, ::testing::ElementsAre(1, 1.5));
  EXPECT_FLOAT_EQ(weight(), 1 - 0.1 * 2 * 1.5);
}

TEST_F(SamOptimizerTest, TakesPlainStepsWhenTold) {
  optimizer_->set_climbs(false);
  optimizer_->step([&] { return evaluate(); });
  EXPECT_THAT(seen_, ::testing::ElementsAre(1));
  EXPECT_FLOAT_EQ(weight(), 1 - 0.1 * 2);
}

TEST_F(SamOptimizerTest, ABadEvaluationChangesNothing) {
  for (const int64_t bad : {0, 1}) {
    int64_t evaluation = 0;
    optimizer_->step([&] {
      at::Tensor loss = evaluate();
      optimizer_->set_found_inf(at::full({}, evaluation++ == bad ? 1.f : 0.f));
      return loss;
    });
    EXPECT_EQ(weight(), 1) << bad;
    EXPECT_EQ(evaluation, bad + 1);
    EXPECT_FALSE(optimizer_->is_at_peak());
  }
}

TEST_F(SamOptimizerTest, AnEvaluationThatThrowsLeavesTheWeightsAsTheyWere) {
  EXPECT_THROW(optimizer_->step([&]() -> at::Tensor {
    const at::Tensor loss = evaluate();
    TORCH_CHECK(seen_.size() < 2, "the test");
    return loss;
  }),
               c10::Error);
  EXPECT_EQ(weight(), 1);
  EXPECT_FALSE(optimizer_->is_at_peak());
}

TEST_F(SamOptimizerTest, AModelThatUpdatedItselfIsLeftAlone) {
  EXPECT_FALSE(optimizer_->step([&] { return at::Tensor(); }).defined());
  EXPECT_EQ(weight(), 1);
}

TEST(Sam, GivesComposersLossesAndModel) {
  const auto trainer = expect_composers_run("sam", list_of(sam({.rho = 0.1})));
  expect_near_run(weights_of(*trainer), "sam/final");
}

TEST(Sam, GivesComposersLossesAtAnInterval) {
  const auto trainer =
      expect_composers_run("sam_interval", list_of(sam({.rho = 0.1, .interval = 3})));
  expect_near_run(weights_of(*trainer), "sam_interval/final");
}

TEST(Sam, GivesComposersLossesWithClippedGradients) {
  const auto trainer = expect_composers_run(
      "sam_clipped", list_of(std::unique_ptr<Algorithm>(
                                 std::make_unique<GradientClipping>(ClippingType::kNorm, 0.5)),
                             sam({.rho = 0.1})));
  expect_near_run(weights_of(*trainer), "sam_clipped/final");
}

// What is reported of each batch.
class ReportedLoss final : public Callback {
 public:
  explicit ReportedLoss(std::vector<float>* losses) : losses_(losses) {}
  void batch_end(State& state, Logger&) override {
    losses_->push_back(state.loss.total().item<float>());
  }

 private:
  std::vector<float>* const losses_;
};

TEST(Sam, ReportsTheLossAtTheWeightsRatherThanAtThePeak) {
  std::vector<float> reported;
  TrainerOptions options = run_options(list_of(sam({.rho = 0.1})));
  options.callbacks.push_back(std::make_unique<ReportedLoss>(&reported));
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  ASSERT_TRUE((*trainer)->fit().ok());
  const at::Tensor passes = testing::weight_run("run/sam/losses").view({-1, 2});
  ASSERT_EQ(static_cast<int64_t>(reported.size()), passes.size(0));
  for (size_t i = 0; i < reported.size(); ++i) {
    EXPECT_NEAR(reported[i], passes[static_cast<int64_t>(i)][0].item<float>(), 1e-4);
  }
}

// Spoils the gradients of one pass of the second batch.
class Spoiler final : public Callback {
 public:
  explicit Spoiler(int pass) : pass_(pass) {}
  void before_train_batch(State& state, Logger&) override {
    if (state.timestamp.batch == 1) ++passes_;
  }
  void before_backward(State& state, Logger&) override {
    if (state.timestamp.batch != 1 || passes_ != pass_) return;
    state.loss = state.loss.scaled(std::nan(""));
  }

 private:
  const int pass_;
  int passes_ = 0;
};

TEST(Sam, ABadStepIsSkippedWhicheverPassIsBad) {
  const auto options = [] {
    TrainerOptions options = run_options(list_of(sam({.rho = 0.1})));
    options.on_bad_step = OnBadStep::kSkip;
    options.evaluators.clear();
    return options;
  };
  const auto fitted = [](TrainerOptions options, const char* duration) {
    options.max_duration = duration;
    auto trainer = Trainer::create(std::move(options));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    EXPECT_TRUE((*trainer)->fit().ok());
    return *std::move(trainer);
  };
  const StateDict before = weights_of(*fitted(options(), "1ba"));
  for (const int pass : {1, 2}) {
    TrainerOptions spoiled = options();
    spoiled.callbacks.push_back(std::make_unique<Spoiler>(pass));
    const auto trainer = fitted(std::move(spoiled), "2ba");
    EXPECT_EQ(trainer->state().skipped.batches, 1) << pass;
    EXPECT_EQ(weights_of(*trainer).first_difference(before), "") << pass;
  }
}

TEST(Sam, GoesOnFromACheckpointWithTheSameBits) {
  for (const int64_t interval : {1, 3}) {
    testing::expect_exact_resume(
        [&] {
          TrainerOptions options = run_options(list_of(sam({.interval = interval})));
          options.max_duration = "8ba";
          return options;
        },
        {{{Event::kBatchEnd, 1}},
         {{Event::kAfterForward, 2}},
         {{Event::kBatchEnd, 2}, {Event::kBatchEnd, 5}}});
  }
}

TEST(Sam, ReadsTheOptimizerOfARunWithoutIt) {
  auto plain = Trainer::create(run_options({}));
  ASSERT_TRUE(plain.ok() && (*plain)->fit({.duration = "2ba"}).ok());
  StateDict state = (*plain)->state_dict().cloned();
  StateDict algorithms;
  algorithms.set("0", StateDict());
  state.set("algorithms", algorithms);
  auto with = Trainer::create(run_options(list_of(sam({}))));
  ASSERT_TRUE(with.ok()) << with.status();
  const absl::Status loaded = (*with)->load_state_dict(state);
  EXPECT_TRUE(loaded.ok()) << loaded;
  EXPECT_TRUE((*with)->fit({.duration = "1ba"}).ok());
}

TEST(Sam, RefusesOptimizersThatItCannotWorkWith) {
  TrainerOptions two = run_options(list_of(sam({})));
  const auto half = [](bool first) {
    return
        [first](
            std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
          const auto middle = parameters.begin() + 2;
          return std::make_unique<PlainSgd>(first ? std::vector(parameters.begin(), middle)
                                                  : std::vector(middle, parameters.end()),
                                            0.1);
        };
  };
  two.optimizers = {half(true), half(false)};
  const absl::Status status = Trainer::create(std::move(two)).status();
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("there are 2")) << status;

  TrainerOptions repeated = run_options(list_of(sam({})));
  repeated.optimizers = {lbfgs({})};
  const absl::Status refused = Trainer::create(std::move(repeated)).status();
  EXPECT_THAT(std::string(refused.message()), ::testing::HasSubstr("LBFGS")) << refused;
}

TEST(Sam, RefusesSettingsThatMakeNoSense) {
  config::Sam config;
  EXPECT_TRUE(Sam::create(config).ok());
  config.set_rho(-0.1);
  EXPECT_EQ(field_of(Sam::create(config).status()), "rho");
  config.set_rho(0.1);
  config.set_epsilon(0);
  EXPECT_EQ(field_of(Sam::create(config).status()), "epsilon");
  config.clear_epsilon();
  config.set_interval(0);
  EXPECT_EQ(field_of(Sam::create(config).status()), "interval");
}

}  // namespace
}  // namespace composer
