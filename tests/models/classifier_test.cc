#include "models/classifier.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "composer/core/autocast.h"

namespace composer {
namespace {

TEST(SoftCrossEntropyTest, IndicesAndOneHotTargetsAgree) {
  const at::Tensor logits = at::randn({6, 4}), indices = at::arange(6) % 4;
  const at::Tensor one_hot = at::one_hot(indices, 4);
  EXPECT_NEAR(soft_cross_entropy(logits, indices).item<double>(),
              soft_cross_entropy(logits, one_hot).item<double>(), 1e-6);
  EXPECT_TRUE(at::allclose(soft_cross_entropy_per_sample(logits, indices),
                           soft_cross_entropy_per_sample(logits, one_hot)));
}

TEST(SoftCrossEntropyTest, SamplesWithoutProbabilityAreLeftOutOfTheMean) {
  const at::Tensor logits = at::randn({3, 4});
  const at::Tensor indices = at::tensor({1, -100, 3}, at::kLong);
  at::Tensor dense = at::one_hot(indices.clamp_min(0), 4).to(at::kFloat);
  dense[1].zero_();
  EXPECT_NEAR(soft_cross_entropy(logits, dense).item<double>(),
              soft_cross_entropy(logits, indices).item<double>(), 1e-6);
}

TEST(SoftCrossEntropyTest, PositionsOfASampleAreAveraged) {
  const at::Tensor logits = at::randn({2, 3, 4, 5}), targets = at::randint(3, {2, 4, 5}, at::kLong);
  const at::Tensor losses = soft_cross_entropy_per_sample(logits, targets);
  ASSERT_EQ(losses.sizes(), at::IntArrayRef({2}));
  EXPECT_NEAR(losses.mean().item<double>(), soft_cross_entropy(logits, targets).item<double>(),
              1e-6);
}

TEST(SoftCrossEntropyTest, TargetsThatAreNeitherAreRefused) {
  EXPECT_THROW(soft_cross_entropy(at::zeros({4, 3}), at::zeros({4, 2})), c10::ValueError);
  EXPECT_THROW(soft_cross_entropy(at::zeros({4, 3}), at::zeros({4})), c10::ValueError);
}

// log_softmax, sum and mean stay in bfloat16 under autocast on the CPU.
TEST(SoftCrossEntropyTest, HalfPrecisionIsComputedInFloat32) {
  const at::Tensor logits = at::randn({64, 10}).to(at::kBFloat16);
  const at::Tensor indices = at::arange(64) % 10;
  const at::Tensor smooth = at::one_hot(indices, 10).to(at::kFloat) * 0.9 + 0.01;
  for (const bool autocast : {false, true}) {
    const AutocastScope scope(autocast ? Precision::kAmpBf16 : Precision::kFp32, at::kCPU);
    for (const at::Tensor& targets : {indices, smooth}) {
      const at::Tensor loss = soft_cross_entropy(logits, targets);
      const at::Tensor losses = soft_cross_entropy_per_sample(logits, targets);
      const AutocastDisabled exact(at::kCPU);
      EXPECT_TRUE(loss.equal(soft_cross_entropy(logits.to(at::kFloat), targets)));
      EXPECT_TRUE(losses.equal(soft_cross_entropy_per_sample(logits.to(at::kFloat), targets)));
    }
  }
}

TEST(ModuleClassifierTest, MakesASequentialAClassifier) {
  const auto model = make_classifier(
      torch::nn::Sequential(torch::nn::Linear(4, 8), torch::nn::ReLU(), torch::nn::Linear(8, 3)),
      3);
  EXPECT_EQ(model->num_classes(), 3);
  EXPECT_TRUE(model->named_parameters().contains("module.0.weight"));
  EXPECT_EQ(model->parameters().size(), 4u);
  const Batch batch = {{"input", at::randn({5, 4})}, {"target", at::zeros({5}, at::kLong)}};
  const Outputs outputs = model->forward(batch);
  EXPECT_TRUE(outputs.at("logits").equal(model->module()->forward(batch.at("input"))));
  model->loss(outputs, batch).total().backward();
  for (const at::Tensor& parameter : model->parameters()) EXPECT_TRUE(parameter.grad().defined());
}

// A module as users write them, not derived from anything of ours.
struct TwoLayers : torch::nn::Module {
  TwoLayers() {
    register_module("first", first);
    register_module("second", second);
  }
  torch::Tensor forward(torch::Tensor x) { return second(first(x).tanh()); }
  torch::nn::Linear first{4, 8}, second{8, 3};
};

TEST(ModuleClassifierTest, MakesAUsersModuleAClassifier) {
  const auto model = make_classifier(std::make_shared<TwoLayers>(), 3);
  EXPECT_TRUE(model->named_parameters().contains("module.second.bias"));
  const Batch batch = {{"input", at::randn({5, 4})}, {"target", at::zeros({5}, at::kLong)}};
  const at::Tensor losses = model->per_sample_loss(model->forward(batch), batch);
  EXPECT_EQ(losses.sizes(), at::IntArrayRef({5}));
  // Modes and conversions reach the wrapped module.
  model->eval();
  EXPECT_FALSE(model->module()->is_training());
  model->to(at::kDouble);
  EXPECT_EQ(model->module()->first->weight.scalar_type(), at::kDouble);
}

TEST(ModuleClassifierTest, NeedsAClass) {
  EXPECT_THROW(make_classifier(torch::nn::Linear(4, 3), 0), c10::ValueError);
}

}  // namespace
}  // namespace composer
