// SGD and AdamW against 20 steps of torch.optim on given gradients.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "composer/optim/adamw.h"
#include "composer/optim/sgd.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

using testing::read_golden;
using testing::relative_error;

constexpr int kSteps = 20;

struct Case {
  std::string name;
  OptimizerFactory factory;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

const std::vector<Case>& cases() {
  static const std::vector<Case> cases = {
      {"sgd", sgd({.lr = 0.1})},
      {"sgd_decay", sgd({.lr = 0.1, .weight_decay = 0.05})},
      {"sgd_momentum", sgd({.lr = 0.05, .momentum = 0.9})},
      {"sgd_dampening", sgd({.lr = 0.05, .momentum = 0.8, .dampening = 0.3, .weight_decay = 0.01})},
      {"sgd_nesterov", sgd({.lr = 0.05, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true})},
      {"adamw", adamw({.lr = 0.01})},
      {"adamw_options",
       adamw({.lr = 0.02, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-6, .weight_decay = 0.1})},
      {"adamw_amsgrad", adamw({.lr = 0.02, .beta1 = 0.8, .beta2 = 0.9, .amsgrad = true})},
      {"adamw_no_decay", adamw({.lr = 0.02, .weight_decay = 0})},
  };
  return cases;
}

const TensorDict& golden() {
  static const TensorDict tensors = read_golden("tests/golden/optim/optimizers.txt");
  return tensors;
}

std::vector<NamedParameter> fresh_parameters() {
  std::vector<NamedParameter> parameters;
  for (const char* name : {"conv", "weight", "bias", "late"}) {
    const at::Tensor& start = golden().at(std::string("parameters/") + name);
    parameters.push_back({name, start.clone().requires_grad_()});
  }
  return parameters;
}

bool has_gradient(const std::string& name, int step) {
  return name != "late" || (step >= 5 && (step < 10 || step > 12));
}

void set_gradients(const std::vector<NamedParameter>& parameters, int step) {
  for (const auto& [name, tensor] : parameters) {
    const at::Tensor& all = golden().at("gradients/" + name);
    tensor.mutable_grad() = has_gradient(name, step) ? all[step].clone() : at::Tensor();
  }
}

void take_step(Optimizer& optimizer, const std::vector<NamedParameter>& parameters, int step) {
  set_gradients(parameters, step);
  optimizer.update();
  for (ParameterGroup& group : optimizer.groups()) group.lr *= 0.95;
}

std::unique_ptr<Optimizer> make(const Case& test, const std::vector<NamedParameter>& parameters) {
  auto optimizer = test.factory(parameters);
  EXPECT_TRUE(optimizer.ok()) << optimizer.status();
  return *std::move(optimizer);
}

void expect_golden(const Case& test, const std::vector<NamedParameter>& parameters) {
  for (const auto& [name, tensor] : parameters) {
    EXPECT_LT(relative_error(tensor, golden().at(test.name + "/" + name)), 1e-6) << name;
  }
}

class OptimizersTest : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_P(OptimizersTest, GivesPyTorchsNumbers) {
  const auto parameters = fresh_parameters();
  const auto optimizer = make(GetParam(), parameters);
  for (int step = 0; step < kSteps; ++step) take_step(*optimizer, parameters, step);
  expect_golden(GetParam(), parameters);
}

TEST_P(OptimizersTest, MemoryLayoutsChangeNoNumber) {
  auto parameters = fresh_parameters();
  at::Tensor conv = parameters[0].tensor;
  conv.set_data(conv.detach().contiguous(at::MemoryFormat::ChannelsLast));
  ASSERT_FALSE(conv.is_contiguous());
  at::Tensor weight = parameters[1].tensor;
  weight.set_data(weight.detach().t().contiguous().t());
  const auto optimizer = make(GetParam(), parameters);
  for (int step = 0; step < kSteps; ++step) {
    // A model that is converted while it trains, with its optimizer's state in the old layout.
    if (step == 8) conv.set_data(conv.detach().contiguous());
    if (step == 15) conv.set_data(conv.detach().contiguous(at::MemoryFormat::ChannelsLast));
    take_step(*optimizer, parameters, step);
  }
  expect_golden(GetParam(), parameters);
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
    const auto parameters = fresh_parameters();
    const auto optimizer = make(GetParam(), parameters);
    for (int step = 0; step < cut; ++step) take_step(*optimizer, parameters, step);
    const StateDict saved = optimizer->state_dict().cloned();
    std::vector<NamedParameter> copies;
    for (const auto& [name, tensor] : parameters) {
      copies.push_back({name, tensor.detach().clone().requires_grad_()});
    }
    for (int step = cut; step < kSteps; ++step) take_step(*optimizer, parameters, step);

    const auto restored = make(GetParam(), copies);
    ASSERT_TRUE(restored->load_state_dict(saved).ok());
    EXPECT_EQ(restored->state_dict().first_difference(saved), "");
    for (int step = cut; step < kSteps; ++step) take_step(*restored, copies, step);
    for (size_t i = 0; i < copies.size(); ++i) {
      EXPECT_TRUE(copies[i].tensor.equal(parameters[i].tensor)) << copies[i].name << " " << cut;
    }
    EXPECT_EQ(restored->state_dict().first_difference(optimizer->state_dict()), "");
  }
}

TEST_P(OptimizersTest, StateIsLoadedIntoTheParametersLayout) {
  const auto parameters = fresh_parameters();
  const auto optimizer = make(GetParam(), parameters);
  for (int step = 0; step < 10; ++step) take_step(*optimizer, parameters, step);
  auto copies = parameters;
  for (auto& [name, tensor] : copies) tensor = tensor.detach().clone().requires_grad_();
  copies[0].tensor.set_data(copies[0].tensor.detach().contiguous(at::MemoryFormat::ChannelsLast));
  const auto restored = make(GetParam(), copies);
  ASSERT_TRUE(restored->load_state_dict(optimizer->state_dict().cloned()).ok());
  for (int step = 10; step < kSteps; ++step) take_step(*restored, copies, step);
  expect_golden(GetParam(), copies);
}

TEST_P(OptimizersTest, GradientsAreNotHeldAfterTheUpdate) {
  const auto parameters = fresh_parameters();
  const auto optimizer = make(GetParam(), parameters);
  take_step(*optimizer, parameters, 6);
  take_step(*optimizer, parameters, 7);
  for (const auto& [name, tensor] : parameters) EXPECT_EQ(tensor.grad().use_count(), 1) << name;
  optimizer->zero_grad();
  for (const auto& [name, tensor] : parameters) EXPECT_FALSE(tensor.grad().defined()) << name;
}

TEST_P(OptimizersTest, ParametersWithoutGradientsStayAsTheyAre) {
  const auto parameters = fresh_parameters();
  const auto optimizer = make(GetParam(), parameters);
  optimizer->update();
  for (const auto& [name, tensor] : parameters) {
    EXPECT_TRUE(tensor.equal(golden().at("parameters/" + name)));
  }
}

INSTANTIATE_TEST_SUITE_P(All, OptimizersTest, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(OptimizersTest, GroupsKeepTheirOwnSettings) {
  const auto parameters = fresh_parameters();
  std::vector<ParameterGroup> groups(2);
  groups[0] = {.parameters = {parameters[1]}, .lr = 0.1};
  groups[1] = {.parameters = {parameters[2]}, .lr = 0, .weight_decay = 0.5};
  Sgd optimizer(groups, {.momentum = 0.9});
  EXPECT_EQ(optimizer.groups()[0].initial_lr, 0.1);
  set_gradients(parameters, 0);
  optimizer.update();
  const at::Tensor expected =
      golden().at("parameters/weight") - golden().at("gradients/weight")[0] * 0.1;
  EXPECT_LT(relative_error(parameters[1].tensor, expected), 1e-6);
  EXPECT_TRUE(parameters[2].tensor.equal(golden().at("parameters/bias")));
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
