#include "algorithms/gradient_clipping.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/optimizer.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/golden.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::golden;
using testing::IsExactly;
using testing::IsNear;
using testing::PlainSgd;

const char* const kNames[] = {"conv", "linear", "bias", "scalar"};

std::vector<at::Tensor> read(const std::string& what) {
  std::vector<at::Tensor> tensors;
  for (const char* name : kNames) tensors.push_back(golden(absl::StrCat("clip/", name, "/", what)));
  return tensors;
}

void expect_near(const std::vector<at::Tensor>& actual, const std::string& what) {
  const std::vector<at::Tensor> expected = read(what);
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_THAT(actual[i], IsNear(expected[i], 1e-6)) << kNames[i] << " " << what;
  }
}

TEST(ClipGradients, GivesComposersValuesAboveAndBelowTheThreshold) {
  for (const double threshold : {0.7, 100.0}) {
    const std::vector<at::Tensor> gradients = read("gradient");
    EXPECT_THAT(clip_gradients(gradients, threshold), IsNear(golden("clip/norm"), 1e-5));
    expect_near(gradients, absl::StrCat("norm/", threshold));
  }
}

TEST(ClipGradients, TakesNoGradients) {
  EXPECT_EQ(clip_gradients({}, 1).item<double>(), 0);
  clip_gradient_values({}, 1);
}

TEST(ClipGradientValues, GivesComposersValues) {
  const std::vector<at::Tensor> gradients = read("gradient");
  clip_gradient_values(gradients, 0.4);
  expect_near(gradients, "value/0.4");
}

TEST(ClipGradientsAdaptively, GivesComposersValuesForEveryNumberOfDimensions) {
  const std::vector<at::Tensor> gradients = read("gradient");
  clip_gradients_adaptively(read("weight"), gradients, 0.3);
  expect_near(gradients, "adaptive/0.3");
}

TEST(ClipGradientsAdaptively, LetsWeightsThatAreZeroMove) {
  const std::vector<at::Tensor> gradients = {at::full({2, 4}, 5.f)};
  clip_gradients_adaptively({at::zeros({2, 4})}, gradients, 0.1);
  EXPECT_THAT(gradients[0].norm(2, 1), IsNear(at::full({2}, 1e-4f), 1e-9));
}

TEST(ClipGradientsAdaptively, LeavesNotANumberToBeSeen) {
  const std::vector<at::Tensor> gradients = {at::tensor({1.f, std::nanf("")})};
  clip_gradients_adaptively({at::ones({2})}, gradients, 0.1);
  EXPECT_TRUE(gradients[0][1].isnan().item<bool>());
}

class Recorder : public LoggerDestination {
 public:
  explicit Recorder(MetricValues* values, bool due) : values_(values), due_(due) {}
  bool due(const Timestamp&, const Timestamp&) override { return due_; }
  void log_metrics(const MetricValues& metrics, const Timestamp&) override { *values_ = metrics; }

 private:
  MetricValues* values_;
  bool due_;
};

class GradientClippingTest : public ::testing::Test {
 protected:
  GradientClippingTest() {
    std::vector<NamedParameter> parameters;
    const std::vector<at::Tensor> weights = read("weight"), gradients = read("gradient");
    for (size_t i = 0; i < weights.size(); ++i) {
      parameters.push_back({kNames[i], weights[i].requires_grad_()});
      parameters.back().tensor.mutable_grad() = gradients[i];
    }
    // Two optimizers, and a parameter that has no gradient.
    const NamedParameter last = parameters.back();
    parameters.pop_back();
    parameters.push_back({"unused", at::zeros({2}).requires_grad_()});
    state_.optimizers.push_back(std::make_unique<PlainSgd>(parameters, 0.1));
    state_.optimizers.push_back(std::make_unique<PlainSgd>(std::vector<NamedParameter>{last}, 0.1));
  }
  std::vector<at::Tensor> gradients() {
    std::vector<at::Tensor> gradients;
    for (const auto& optimizer : state_.optimizers) {
      for (const NamedParameter& parameter : optimizer->groups().front().parameters) {
        if (parameter.tensor.grad().defined()) gradients.push_back(parameter.tensor.grad());
      }
    }
    return gradients;
  }
  MetricValues run(Algorithm& algorithm, bool due = true) {
    MetricValues values;
    std::vector<std::unique_ptr<LoggerDestination>> destinations;
    destinations.push_back(std::make_unique<Recorder>(&values, due));
    Logger logger(std::move(destinations));
    logger.begin_step({}, Timestamp().next_batch(1));
    EXPECT_TRUE(algorithm.match(Event::kAfterTrainBatch, state_));
    algorithm.apply(Event::kAfterTrainBatch, state_, logger);
    logger.flush({});
    return values;
  }

  State state_;
};

TEST_F(GradientClippingTest, ClipsTheGradientsOfAllOptimizersTogether) {
  GradientClipping algorithm(ClippingType::kNorm, 0.7);
  run(algorithm);
  expect_near(gradients(), "norm/0.7");
}

TEST_F(GradientClippingTest, ClipsByValueAndAdaptively) {
  GradientClipping value(ClippingType::kValue, 0.4);
  run(value);
  expect_near(gradients(), "value/0.4");
}

TEST_F(GradientClippingTest, ClipsAdaptively) {
  GradientClipping adaptive(ClippingType::kAdaptive, 0.3);
  run(adaptive);
  expect_near(gradients(), "adaptive/0.3");
}

TEST_F(GradientClippingTest, LogsTheNormBeforeClippingInStepsThatLog) {
  const double norm = golden("clip/norm").item<double>();
  for (const ClippingType type :
       {ClippingType::kNorm, ClippingType::kValue, ClippingType::kAdaptive}) {
    GradientClipping algorithm(type, 1000);
    const MetricValues values = run(algorithm);
    ASSERT_EQ(values.size(), 1u);
    EXPECT_EQ(values[0].first, "gradient_clipping/norm");
    EXPECT_NEAR(values[0].second, norm, 1e-4);
    EXPECT_TRUE(run(algorithm, /*due=*/false).empty());
  }
  GradientClipping clips(ClippingType::kNorm, 0.7);
  EXPECT_NEAR(run(clips)[0].second, norm, 1e-4);
  EXPECT_NEAR(run(clips)[0].second, 0.7, 1e-4);
}

TEST_F(GradientClippingTest, IsMadeFromItsConfig) {
  config::GradientClipping config;
  config.set_clipping_type(config::GradientClipping::VALUE);
  config.set_clipping_threshold(0.4);
  const auto algorithm = GradientClipping::create(config);
  ASSERT_TRUE(algorithm.ok()) << algorithm.status();
  run(**algorithm);
  expect_near(gradients(), "value/0.4");
}

TEST(GradientClipping, NeedsATypeAndAThreshold) {
  config::GradientClipping config;
  EXPECT_EQ(field_of(GradientClipping::create(config).status()), "clipping_type");
  config.set_clipping_type(config::GradientClipping::NORM);
  EXPECT_EQ(field_of(GradientClipping::create(config).status()), "clipping_threshold");
}

}  // namespace
}  // namespace composer
