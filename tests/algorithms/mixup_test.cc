#include "algorithms/mixup.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/label_smoothing.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/trainer/trainer.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/golden.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::golden;
using ::testing::HasSubstr;
using testing::IsExactly;
using testing::IsNear;
using testing::TinyModel;

TEST(MixUpBatch, GivesComposersValues) {
  EXPECT_THAT(mixup_batch(golden("mixup/input"), golden("mixup/permutation"), 0.3),
              IsNear(golden("mixup/mixed_input"), 1e-6));
  EXPECT_THAT(mixup_targets(golden("mixup/logits"), golden("mixup/targets"),
                            golden("mixup/permutation"), 0.3),
              IsNear(golden("mixup/mixed_targets"), 1e-6));
}

TEST(MixUpBatch, ChangesNothingWithAWeightOfZero) {
  EXPECT_THAT(mixup_batch(golden("mixup/input"), golden("mixup/permutation"), 0),
              IsExactly(golden("mixup/input")));
}

TEST(MixUpBatch, RefusesIntegers) {
  EXPECT_THROW(mixup_batch(golden("mixup/targets"), golden("mixup/permutation"), 0.3),
               c10::ValueError);
}

// The mean of min(z, 1 - z) for z from Beta(a, a) is 1/2 - 4^-a / (a B(a, a)).
TEST(DrawMixingWeight, IsAFoldedBetaForSmallAndLargeAlpha) {
  constexpr int kDraws = 20000;
  for (const double alpha : {0.001, 0.2, 1.0, 8.0}) {
    const at::Generator generator = at::detail::createCPUGenerator(7);
    double sum = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double weight = draw_mixing_weight(alpha, generator);
      ASSERT_TRUE(weight >= 0 && weight <= 0.5) << weight;
      sum += weight;
    }
    const double log_beta = 2 * std::lgamma(alpha) - std::lgamma(2 * alpha);
    const double mean = 0.5 - std::exp(-alpha * std::log(4) - log_beta) / alpha;
    EXPECT_NEAR(sum / kDraws, mean, 0.004) << alpha;
  }
}

TEST(DrawMixingWeight, IsZeroForAnAlphaOfZero) {
  EXPECT_EQ(draw_mixing_weight(0, at::detail::createCPUGenerator(1)), 0);
}

class MixUpTest : public ::testing::Test {
 protected:
  MixUpTest() {
    at::manual_seed(1);
    state_.model = model_;
    state_.batch = {{"input", at::randn({6, 4})}, {"target", at::arange(6).remainder(3)}};
    found_ = state_.batch;
  }
  void run(Algorithm& algorithm, Event event) {
    ASSERT_TRUE(algorithm.match(event, state_)) << event_name(event);
    algorithm.apply(event, state_, logger_);
  }
  void forward() { state_.outputs = model_->forward(state_.batch); }
  void loss() { state_.loss = model_->loss(state_.outputs, state_.batch); }
  bool as_found() const {
    return state_.batch.at("input").is_same(found_.at("input")) &&
           state_.batch.at("target").is_same(found_.at("target"));
  }

  const std::shared_ptr<TinyModel> model_ = std::make_shared<TinyModel>();
  State state_;
  Logger logger_;
  Batch found_;
};

TEST_F(MixUpTest, MixesInputAndTargetsAlikeAndRestoresBoth) {
  MixUp algorithm({.alpha = 1});
  run(algorithm, Event::kBeforeForward);
  forward();
  run(algorithm, Event::kBeforeLoss);
  // What the draws were follows from the targets; the input must agree with them.
  const at::Tensor mixed = state_.batch.at("target");
  EXPECT_THAT(mixed.sum(1), IsNear(at::ones({6}), 1e-6));
  EXPECT_FALSE(at::equal(state_.batch.at("input"), found_.at("input")));
  at::Generator generator = state_.generator("MixUp");
  generator.set_current_seed(generator.current_seed());
  const double weight = draw_mixing_weight(1, generator);
  const at::Tensor permutation = at::randperm(6, generator, at::TensorOptions(at::kLong));
  EXPECT_THAT(state_.batch.at("input"),
              IsExactly(mixup_batch(found_.at("input"), permutation, weight)));
  EXPECT_THAT(mixed, IsExactly(mixup_targets(state_.outputs.at("logits"), found_.at("target"),
                                             permutation, weight)));
  run(algorithm, Event::kAfterLoss);
  EXPECT_TRUE(as_found());
}

TEST_F(MixUpTest, InterpolatesTheLossToTheSameValueAsTheTargets) {
  MixUp by_targets({.alpha = 1}), by_loss({.alpha = 1, .interpolate_loss = true});
  run(by_targets, Event::kBeforeForward);
  forward();
  run(by_targets, Event::kBeforeLoss);
  loss();
  run(by_targets, Event::kAfterLoss);
  const at::Tensor expected = state_.loss.total();

  state_.streams.clear();
  run(by_loss, Event::kBeforeForward);
  forward();
  EXPECT_FALSE(by_loss.match(Event::kBeforeLoss, state_));
  loss();
  EXPECT_GT((state_.loss.total() - expected).abs().item<double>(), 1e-4);
  run(by_loss, Event::kBeforeBackward);
  EXPECT_THAT(state_.loss.total(), IsNear(expected, 1e-6));
  EXPECT_TRUE(as_found());
}

TEST_F(MixUpTest, InterpolatesEveryTermOfALoss) {
  class TwoTerms : public TinyModel {
   public:
    Loss loss(const Outputs& outputs, const Batch& batch) override {
      return {{"main", TinyModel::loss(outputs, batch).total()},
              {"extra", batch.at("target").to(at::kFloat).mul(at::arange(6)).mean()}};
    }
  };
  state_.model = std::make_shared<TwoTerms>();
  MixUp algorithm({.alpha = 1, .interpolate_loss = true});
  run(algorithm, Event::kBeforeForward);
  state_.outputs = state_.model->forward(state_.batch);
  state_.loss = state_.model->loss(state_.outputs, state_.batch);
  const Loss before = state_.loss;
  run(algorithm, Event::kBeforeBackward);
  ASSERT_EQ(state_.loss.terms().size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(state_.loss.terms()[i].first, before.terms()[i].first);
    EXPECT_FALSE(at::equal(state_.loss.terms()[i].second, before.terms()[i].second));
  }
}

TEST_F(MixUpTest, GoesWithLabelSmoothingInEitherOrder) {
  const auto mixed = [&](bool smoothing_first) {
    state_.streams.clear();
    MixUp mixup({.alpha = 1});
    LabelSmoothing smoothing(0.2);
    run(mixup, Event::kBeforeForward);
    forward();
    Algorithm& first = smoothing_first ? static_cast<Algorithm&>(smoothing) : mixup;
    Algorithm& second = smoothing_first ? static_cast<Algorithm&>(mixup) : smoothing;
    run(first, Event::kBeforeLoss);
    run(second, Event::kBeforeLoss);
    const at::Tensor targets = state_.batch.at("target");
    run(second, Event::kAfterLoss);
    run(first, Event::kAfterLoss);
    EXPECT_TRUE(as_found());
    return targets;
  };
  const at::Tensor targets = mixed(true);
  EXPECT_THAT(mixed(false), IsNear(targets, 1e-6));
  // Smoothed by 0.2 over three classes.
  EXPECT_NEAR(targets.min().item<double>(), 0.2 / 3, 1e-6);
}

TEST_F(MixUpTest, DrawsAgainWhatItDrewWhenTheLossIsComputedTwice) {
  MixUp algorithm({.alpha = 1});
  const auto mixed = [&] {
    ++state_.evaluation;
    state_.batch = found_;
    run(algorithm, Event::kBeforeForward);
    return state_.batch.at("input");
  };
  const at::Tensor first = mixed();
  EXPECT_THAT(mixed(), IsExactly(first));
  ++state_.microbatch;
  EXPECT_FALSE(at::equal(mixed(), first));
}

TEST_F(MixUpTest, RefusesTokensInWords) {
  state_.batch = {{"input_ids", at::ones({2, 3}, at::kLong)},
                  {"labels", at::ones({2, 3}, at::kLong)}};
  try {
    MixUp().apply(Event::kBeforeForward, state_, logger_);
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("only tensors of floating point can be mixed, not Long"));
  }
}

TEST(MixUp, DeclaresItsLossOnlyWhenItComputesOne) {
  EXPECT_FALSE(MixUp().traits().interpolates_loss);
  EXPECT_TRUE(MixUp({.interpolate_loss = true}).traits().interpolates_loss);
}

TEST(MixUp, TwoThatInterpolateTheLossAreRefusedByTheTrainer) {
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  for (int i = 0; i < 2; ++i) {
    options.algorithms.push_back(std::make_unique<MixUp>(MixUpOptions{.interpolate_loss = true}));
  }
  EXPECT_THAT(Trainer::create(std::move(options)).status().message(),
              HasSubstr("MixUp and MixUp each compute a loss of their own"));
}

TEST(MixUp, IsMadeFromItsConfigWithTheSameDefaults) {
  const config::MixUp config;
  EXPECT_EQ(config.alpha(), MixUpOptions().alpha);
  EXPECT_EQ(config.interpolate_loss(), MixUpOptions().interpolate_loss);
  EXPECT_TRUE(MixUp::create(config).ok());
  config::MixUp negative;
  negative.set_alpha(-1);
  EXPECT_EQ(field_of(MixUp::create(negative).status()), "alpha");
}

}  // namespace
}  // namespace composer
