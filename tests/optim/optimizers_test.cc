// Every optimizer against 20 steps of its Python original on given gradients.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>

#include "composer/checkpoint/state_file.h"
#include "composer/optim/adafactor.h"
#include "composer/optim/adagrad.h"
#include "composer/optim/adam.h"
#include "composer/optim/adamw.h"
#include "composer/optim/decoupled_adamw.h"
#include "composer/optim/decoupled_sgdw.h"
#include "composer/optim/fused_optimizer.h"
#include "composer/optim/lamb.h"
#include "composer/optim/lion.h"
#include "composer/optim/rmsprop.h"
#include "composer/optim/sgd.h"
#include "tests/optim/golden_steps.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

using testing::expect_golden;
using testing::golden_optimizers;
using testing::golden_parameters;
using testing::kGoldenSteps;
using testing::make;
using testing::optimizer_cases;
using testing::OptimizerCase;
using testing::relative_error;
using testing::set_golden_gradients;
using testing::take_golden_step;

class OptimizersTest : public ::testing::TestWithParam<OptimizerCase> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_P(OptimizersTest, GivesPythonsNumbers) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(GetParam(), parameters);
  for (int step = 0; step < kGoldenSteps; ++step) take_golden_step(*optimizer, parameters, step);
  expect_golden(GetParam().name, parameters);
}

TEST_P(OptimizersTest, MemoryLayoutsChangeNoNumber) {
  auto parameters = golden_parameters();
  at::Tensor conv = parameters[0].tensor;
  conv.set_data(conv.detach().contiguous(at::MemoryFormat::ChannelsLast));
  ASSERT_FALSE(conv.is_contiguous());
  at::Tensor weight = parameters[1].tensor;
  weight.set_data(weight.detach().t().contiguous().t());
  const auto optimizer = make(GetParam(), parameters);
  for (int step = 0; step < kGoldenSteps; ++step) {
    // A model that is converted while it trains, with its optimizer's state in the old layout.
    if (step == 8) conv.set_data(conv.detach().contiguous());
    if (step == 15) conv.set_data(conv.detach().contiguous(at::MemoryFormat::ChannelsLast));
    take_golden_step(*optimizer, parameters, step);
  }
  expect_golden(GetParam().name, parameters);
}

TEST_P(OptimizersTest, AnExpandedGradientIsTakenByItsValues) {
  const at::Tensor parameter = at::ones({3, 4}).requires_grad_();
  const at::Tensor same = parameter.detach().clone().requires_grad_();
  const auto optimizer = make(GetParam(), {{"a", parameter}, {"b", same}});
  for (int step = 0; step < 3; ++step) {
    parameter.mutable_grad() = at::full({}, 0.5).expand({3, 4});
    same.mutable_grad() = at::full({3, 4}, 0.5);
    optimizer->update();
  }
  EXPECT_TRUE(parameter.equal(same));
  EXPECT_FALSE(parameter.equal(at::ones({3, 4})));
}

TEST_P(OptimizersTest, StateRestoredAtAnyStepContinuesWithTheSameBits) {
  for (const int cut : {0, 3, 5, 6, 11, 13, 19}) {
    const auto parameters = golden_parameters();
    const auto optimizer = make(GetParam(), parameters);
    for (int step = 0; step < cut; ++step) take_golden_step(*optimizer, parameters, step);
    const StateDict saved = optimizer->state_dict().cloned();
    std::vector<NamedParameter> copies;
    for (const auto& [name, tensor] : parameters) {
      copies.push_back({name, tensor.detach().clone().requires_grad_()});
    }
    for (int step = cut; step < kGoldenSteps; ++step)
      take_golden_step(*optimizer, parameters, step);

    const auto restored = make(GetParam(), copies);
    ASSERT_TRUE(restored->load_state_dict(saved).ok());
    EXPECT_EQ(restored->state_dict().first_difference(saved), "");
    for (int step = cut; step < kGoldenSteps; ++step) take_golden_step(*restored, copies, step);
    for (size_t i = 0; i < copies.size(); ++i) {
      EXPECT_TRUE(copies[i].tensor.equal(parameters[i].tensor)) << copies[i].name << " " << cut;
    }
    EXPECT_EQ(restored->state_dict().first_difference(optimizer->state_dict()), "");
  }
}

TEST_P(OptimizersTest, StateGoesThroughASafetensorsFile) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(GetParam(), parameters);
  for (int step = 0; step < 8; ++step) take_golden_step(*optimizer, parameters, step);
  const std::string path = ::testing::TempDir() + GetParam().name + ".safetensors";
  ASSERT_TRUE(write_state_file(path, optimizer->state_dict()).ok());
  const auto read = read_state_file(path);
  ASSERT_TRUE(read.ok()) << read.status();
  const auto restored = make(GetParam(), golden_parameters());
  ASSERT_TRUE(restored->load_state_dict(*read).ok());
  EXPECT_EQ(restored->state_dict().first_difference(optimizer->state_dict()), "");
}

TEST_P(OptimizersTest, StateIsLoadedIntoTheParametersLayout) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(GetParam(), parameters);
  for (int step = 0; step < 10; ++step) take_golden_step(*optimizer, parameters, step);
  auto copies = parameters;
  for (auto& [name, tensor] : copies) tensor = tensor.detach().clone().requires_grad_();
  copies[0].tensor.set_data(copies[0].tensor.detach().contiguous(at::MemoryFormat::ChannelsLast));
  const auto restored = make(GetParam(), copies);
  ASSERT_TRUE(restored->load_state_dict(optimizer->state_dict().cloned()).ok());
  for (int step = 10; step < kGoldenSteps; ++step) take_golden_step(*restored, copies, step);
  expect_golden(GetParam().name, copies);
}

TEST_P(OptimizersTest, GradientsAreNotHeldAfterTheUpdate) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(GetParam(), parameters);
  take_golden_step(*optimizer, parameters, 6);
  take_golden_step(*optimizer, parameters, 7);
  for (const auto& [name, tensor] : parameters) EXPECT_EQ(tensor.grad().use_count(), 1) << name;
  optimizer->zero_grad();
  for (const auto& [name, tensor] : parameters) EXPECT_FALSE(tensor.grad().defined()) << name;
}

TEST_P(OptimizersTest, ParametersWithoutGradientsStayAsTheyAre) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(GetParam(), parameters);
  optimizer->update();
  for (const auto& [name, tensor] : parameters) {
    EXPECT_TRUE(tensor.equal(golden_optimizers().at("parameters/" + name)));
  }
}

// As the parameters of a GPU are updated, but here.
void treat_cpu_as_device(Optimizer& optimizer) {
  dynamic_cast<FusedOptimizer&>(optimizer).treat_cpu_as_device();
}

TEST_P(OptimizersTest, GivesPythonsNumbersByTheOperationsForDevices) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(GetParam(), parameters);
  treat_cpu_as_device(*optimizer);
  for (int step = 0; step < kGoldenSteps; ++step) take_golden_step(*optimizer, parameters, step);
  expect_golden(GetParam().name, parameters);
}

// Steps as the golden numbers have them, and before some of them others that are to be skipped.
void take_steps_with_overflows(const OptimizerCase& test, bool as_device) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(test, parameters);
  if (as_device) treat_cpu_as_device(*optimizer);
  const at::Tensor found_inf = at::zeros({});
  optimizer->set_found_inf(found_inf);
  for (int step = 0; step < kGoldenSteps; ++step) {
    if (step == 0 || step == 3 || step == 5 || step == 11) {
      const StateDict before = optimizer->state_dict().cloned();
      std::vector<at::Tensor> values;
      for (const auto& [name, tensor] : parameters) {
        values.push_back(tensor.detach().clone());
        tensor.mutable_grad() = at::full_like(tensor.detach(), INFINITY);
      }
      found_inf.fill_(1);
      optimizer->update();
      found_inf.fill_(0);
      EXPECT_EQ(optimizer->state_dict().first_difference(before), "") << "step " << step;
      for (size_t i = 0; i < parameters.size(); ++i) {
        EXPECT_TRUE(parameters[i].tensor.equal(values[i])) << parameters[i].name << " " << step;
      }
    }
    take_golden_step(*optimizer, parameters, step);
  }
  expect_golden(test.name, parameters);
}

TEST_P(OptimizersTest, AnUpdateWithFoundInfChangesNothing) {
  take_steps_with_overflows(GetParam(), /*as_device=*/false);
}

TEST_P(OptimizersTest, AnUpdateWithFoundInfChangesNothingOnADevice) {
  take_steps_with_overflows(GetParam(), /*as_device=*/true);
}

TEST_P(OptimizersTest, HalfPrecisionAndThreadsFollowTheSameRule) {
  // Larger than what one thread takes, with a rest for the vectors.
  const at::Tensor start = at::linspace(-1, 1, 100003);
  const at::Tensor whole = start.clone().requires_grad_();
  const at::Tensor brain = start.to(at::kBFloat16).requires_grad_();
  const at::Tensor split = start.clone().requires_grad_();
  const auto one = make(GetParam(), {{"whole", whole}, {"brain", brain}});
  const auto other = make(GetParam(), {{"split", split}});
  for (int step = 0; step < 3; ++step) {
    const at::Tensor gradient = at::cos(start * (step + 3));
    whole.mutable_grad() = gradient;
    brain.mutable_grad() = gradient.to(at::kBFloat16);
    split.mutable_grad() = gradient;
    one->update();
    at::set_num_threads(2);
    other->update();
    at::set_num_threads(1);
  }
  EXPECT_TRUE(whole.equal(split));
  EXPECT_LT(relative_error(brain, whole), 0.02);
}

INSTANTIATE_TEST_SUITE_P(All, OptimizersTest, ::testing::ValuesIn(optimizer_cases()),
                         [](const auto& info) { return info.param.name; });

TEST(OptimizersTest, GroupsKeepTheirOwnSettings) {
  const auto parameters = golden_parameters();
  std::vector<ParameterGroup> groups(2);
  groups[0] = {.parameters = {parameters[1]}, .lr = 0.1};
  groups[1] = {.parameters = {parameters[2]}, .lr = 0, .weight_decay = 0.5};
  Sgd optimizer(groups, {.momentum = 0.9});
  EXPECT_EQ(optimizer.groups()[0].initial_lr, 0.1);
  set_golden_gradients(parameters, 0);
  optimizer.update();
  const at::Tensor expected = golden_optimizers().at("parameters/weight") -
                              golden_optimizers().at("gradients/weight")[0] * 0.1;
  EXPECT_LT(relative_error(parameters[1].tensor, expected), 1e-6);
  EXPECT_TRUE(parameters[2].tensor.equal(golden_optimizers().at("parameters/bias")));
}

TEST(OptimizersTest, DtypesMayBeMixed) {
  const at::Tensor single = at::ones({3}).requires_grad_();
  const at::Tensor twice = at::ones({3}, at::kDouble).requires_grad_();
  const at::Tensor brain = at::ones({3}, at::kBFloat16).requires_grad_();
  AdamW optimizer({{"single", single}, {"double", twice}, {"brain", brain}}, {.lr = 0.5});
  for (const at::Tensor& tensor : {single, twice, brain}) {
    tensor.mutable_grad() = at::ones_like(tensor.detach());
  }
  optimizer.update();
  EXPECT_NEAR(single[0].item<double>(), 0.495, 1e-6);
  EXPECT_NEAR(twice[0].item<double>(), 0.495, 1e-7);
  EXPECT_NEAR(brain[0].item<double>(), 0.495, 4e-3);
}

// What `function` throws.
std::string message_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "nothing was thrown";
}

TEST(OptimizersTest, WhatCannotBeOptimizedIsRefusedByName) {
  const at::Tensor w = at::ones({2, 3}).requires_grad_();
  const auto refusal = [](std::vector<ParameterGroup> groups) {
    return message_of([&] { Sgd optimizer(std::move(groups), {}); });
  };
  EXPECT_NE(
      refusal({{.parameters = {{"w", w}}}, {.parameters = {{"v", w}}}}).find("\"v\" is given"),
      std::string::npos);
  EXPECT_NE(refusal({{.parameters = {{"w", w}, {"w", w.clone()}}}}).find("are called \"w\""),
            std::string::npos);
  const at::Tensor strided = at::ones({4, 4}).slice(1, 0, 4, 2).requires_grad_();
  EXPECT_NE(refusal({{.parameters = {{"gaps", strided}}}}).find("\"gaps\""), std::string::npos);
  const at::Tensor expanded = at::ones({1}).expand({4}).requires_grad_();
  EXPECT_NE(refusal({{.parameters = {{"overlap", expanded}}}}).find("\"overlap\""),
            std::string::npos);
  EXPECT_NE(refusal({{.parameters = {{"w", w}}, .lr = -1}}).find("negative"), std::string::npos);

  Sgd optimizer({{"w", w}}, {});
  w.mutable_grad() = at::ones({2, 3}).to_sparse();
  EXPECT_NE(message_of([&] { optimizer.update(); }).find("\"w\" is Sparse"), std::string::npos);
}

TEST(OptimizersTest, SettingsOutOfRangeAreRefused) {
  const std::vector<NamedParameter> none;
  EXPECT_THROW(Sgd(none, {.momentum = 1.5}), c10::ValueError);
  EXPECT_THROW(Sgd(none, {.nesterov = true}), c10::ValueError);
  EXPECT_THROW(Sgd(none, {.lr = -0.1}), c10::ValueError);
  EXPECT_THROW(AdamW(none, {.beta2 = 1}), c10::ValueError);
  EXPECT_THROW(AdamW(none, {.eps = -1}), c10::ValueError);
  EXPECT_FALSE(sgd({.momentum = -1})(none).ok());
  EXPECT_THROW(Adam(none, {.beta1 = -0.1}), c10::ValueError);
  EXPECT_THROW(DecoupledSgdW(none, {.weight_decay = 1.5}), c10::ValueError);
  EXPECT_THROW(DecoupledAdamW(none, {.weight_decay = 1.5}), c10::ValueError);
  EXPECT_THROW(RmsProp(none, {.alpha = 1.1}), c10::ValueError);
  EXPECT_THROW(Adagrad(none, {.lr_decay = -1}), c10::ValueError);
  EXPECT_THROW(Lamb(none, {.beta1 = 1}), c10::ValueError);
  EXPECT_THROW(Lion(none, {.beta2 = 1}), c10::ValueError);
  EXPECT_THROW(Adafactor(none, {.beta2_decay = 0.8}), c10::ValueError);
  EXPECT_THROW(Adafactor(none, {.clipping_threshold = 0}), c10::ValueError);
}

TEST(OptimizersTest, AGroupWhoseLearningRateWas0DecaysAsInComposer) {
  for (const bool as_device : {false, true}) {
    const at::Tensor w = at::ones({2}).requires_grad_(), v = at::ones({2}).requires_grad_();
    DecoupledAdamW adamw({{"w", w}}, {.lr = 0, .weight_decay = 0.25});
    DecoupledSgdW sgdw({{"v", v}}, {.lr = 0, .weight_decay = 0.25});
    if (as_device) {
      adamw.treat_cpu_as_device();
      sgdw.treat_cpu_as_device();
    }
    w.mutable_grad() = at::ones({2});
    v.mutable_grad() = at::ones({2});
    adamw.update();
    sgdw.update();
    EXPECT_TRUE(w.equal(at::full({2}, 0.75)));
    EXPECT_TRUE(v.equal(at::full({2}, 0.75)));
  }
}

TEST(OptimizersTest, LambLeavesATensorOfZerosItsOwnStep) {
  const at::Tensor w = at::zeros({2}).requires_grad_();
  Lamb optimizer({{"w", w}}, {.lr = 0.5, .eps = 0});
  w.mutable_grad() = at::tensor({1.0f, -2.0f});
  optimizer.update();
  EXPECT_TRUE(at::allclose(w, at::tensor({-0.5f, 0.5f})));
}

TEST(OptimizersTest, TiedWeightsAreUpdatedOnce) {
  const at::Tensor w = at::ones({2}).requires_grad_();
  Sgd optimizer({{"embedding.weight", w}, {"head.weight", w}}, {.lr = 0.5});
  ASSERT_EQ(optimizer.groups()[0].parameters.size(), 1u);
  EXPECT_EQ(optimizer.groups()[0].parameters[0].name, "embedding.weight");
  w.mutable_grad() = at::ones({2});
  optimizer.update();
  EXPECT_TRUE(w.equal(at::full({2}, 0.5)));
}

TEST(OptimizersTest, StateThatDoesNotFitIsRefusedAndChangesNothing) {
  const at::Tensor a = at::ones({2}).requires_grad_(), b = at::ones({3}).requires_grad_();
  const auto trained = [](std::vector<NamedParameter> parameters) {
    auto optimizer = std::make_unique<AdamW>(std::move(parameters), AdamWOptions{});
    for (auto& [name, tensor] : optimizer->groups()[0].parameters) {
      tensor.mutable_grad() = at::ones_like(tensor.detach());
    }
    optimizer->update();
    return optimizer;
  };
  const auto optimizer = trained({{"a", a}});
  const StateDict before = optimizer->state_dict().cloned();
  const auto refusal = [&](const StateDict& state) {
    const absl::Status status = optimizer->load_state_dict(state);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(optimizer->state_dict().first_difference(before), "");
    return std::string(status.message());
  };
  EXPECT_NE(refusal(trained({{"a", b}})->state_dict()).find("exp_avg of \"a\" has shape [3]"),
            std::string::npos);
  EXPECT_NE(refusal(trained({{"b", a}})->state_dict()).find("\"a\""), std::string::npos);
  EXPECT_NE(refusal(trained({{"a", a}, {"b", b}})->state_dict()).find("\"b\""), std::string::npos);
  EXPECT_NE(refusal({}).find("step"), std::string::npos);
}

TEST(OptimizersTest, AGroupThatWasConfiguredAnewKeepsItsLearningRate) {
  const at::Tensor w = at::ones({2}).requires_grad_();
  Sgd saved({{"w", w}}, {.lr = 0.5});
  saved.groups()[0].lr = 0.25;
  Sgd same({{"w", w}}, {.lr = 0.5}), other({{"w", w}}, {.lr = 0.1});
  ASSERT_TRUE(same.load_state_dict(saved.state_dict()).ok());
  ASSERT_TRUE(other.load_state_dict(saved.state_dict()).ok());
  EXPECT_EQ(same.groups()[0].lr, 0.25);
  EXPECT_EQ(other.groups()[0].lr, 0.1);
}

}  // namespace
}  // namespace composer
