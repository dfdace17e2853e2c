#include "composer/optim/pytorch_layout.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/optim/lbfgs.h"
#include "tests/optim/golden_steps.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

using testing::expect_golden;
using testing::golden_optimizers;
using testing::golden_parameters;
using testing::kGoldenSteps;
using testing::make;
using testing::optimizer_case;
using testing::relative_error;
using testing::take_golden_step;

// What PyTorch saved after so many steps.
StateDict pytorch_state(const std::string& name, int steps = 10) {
  std::map<std::string, StateDict> entries;
  for (const auto& [key, tensor] : golden_optimizers()) {
    const std::vector<std::string> parts = absl::StrSplit(key, '/');
    if (parts[0] == absl::StrCat("layout_", steps) && parts[1] == name) {
      entries[parts[2]].set(parts[3], tensor);
    }
  }
  StateDict state, group, groups, result;
  for (auto& [index, entry] : entries) state.set(index, std::move(entry));
  group.set("params", at::arange(4));
  group.set("lr", 0.5);
  groups.set("0", std::move(group));
  result.set("state", std::move(state));
  result.set("param_groups", std::move(groups));
  return result;
}

class PytorchLayoutTest : public ::testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }

  const std::string case_ = std::get<0>(GetParam());
  const int steps_ = std::get<1>(GetParam());
};

TEST_P(PytorchLayoutTest, TrainingGoesOnFromWhatPyTorchSaved) {
  auto parameters = golden_parameters();
  for (auto& [name, tensor] : parameters) {
    const std::string key = absl::StrCat("at_", steps_, "/", case_, "/", name);
    tensor = golden_optimizers().at(key).clone().requires_grad_();
  }
  const auto optimizer = make(optimizer_case(case_), parameters);
  StateDict saved = pytorch_state(case_, steps_);
  StateDict group = **(*saved.child("param_groups"))->child("0"), groups;
  group.set("lr", optimizer->groups()[0].lr * std::pow(0.95, steps_));
  groups.set("0", std::move(group));
  saved.set("param_groups", std::move(groups));
  const auto state = from_pytorch_layout(saved, *optimizer);
  ASSERT_TRUE(state.ok()) << state.status();
  const absl::Status loaded = optimizer->load_state_dict(*state);
  ASSERT_TRUE(loaded.ok()) << loaded;
  for (int step = steps_; step < kGoldenSteps; ++step)
    take_golden_step(*optimizer, parameters, step);
  expect_golden(case_, parameters);
}

TEST_P(PytorchLayoutTest, WhatIsSavedForPyTorchIsWhatPyTorchSaves) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(optimizer_case(case_), parameters);
  for (int step = 0; step < steps_; ++step) take_golden_step(*optimizer, parameters, step);
  const auto ours = to_pytorch_layout(*optimizer);
  ASSERT_TRUE(ours.ok()) << ours.status();
  const StateDict theirs = pytorch_state(case_, steps_);
  const StateDict& our_state = **ours->child("state");
  const StateDict& their_state = **theirs.child("state");
  ASSERT_EQ(our_state.children().size(), their_state.children().size());
  for (const auto& [index, entry] : their_state.children()) {
    const StateDict& own = **our_state.child(index);
    ASSERT_EQ(own.tensors().size(), entry.tensors().size());
    for (const auto& [kind, tensor] : entry.tensors()) {
      EXPECT_LT(relative_error(*own.tensor(kind), tensor), 1e-6) << index << " " << kind;
      EXPECT_EQ(own.tensor(kind)->dtype(), tensor.dtype());
    }
  }
  const StateDict& group = **(*ours->child("param_groups"))->child("0");
  EXPECT_TRUE(group.tensor("params")->equal(at::arange(4)));
  EXPECT_EQ(*group.number("lr"), optimizer->groups()[0].lr);

  // And back again.
  const auto again = from_pytorch_layout(*ours, *optimizer);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->first_difference(optimizer->state_dict()), "");
}

INSTANTIATE_TEST_SUITE_P(
    All, PytorchLayoutTest,
    ::testing::Combine(::testing::Values("sgd_momentum", "adam", "adamw_amsgrad",
                                         "decoupled_sgdw_nesterov", "decoupled_adamw",
                                         "rmsprop_all", "adagrad_options", "adafactor"),
                       ::testing::Values(4, 10)),
    [](const auto& info) {
      return absl::StrCat(std::get<0>(info.param), "_after_", std::get<1>(info.param));
    });

TEST(PytorchLayoutTest, GroupsThatAreOthersAreRefused) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(optimizer_case("adamw_amsgrad"), {parameters[0], parameters[1]});
  const auto refusal = [&](const StateDict& state) {
    return std::string(from_pytorch_layout(state, *optimizer).status().message());
  };
  EXPECT_EQ(refusal(pytorch_state("adamw_amsgrad")),
            "group 0 has 4 parameters, the optimizer's has 2");
  StateDict state = pytorch_state("adamw_amsgrad"), group, groups;
  state.set("param_groups", groups);
  EXPECT_EQ(refusal(state), "the state has 0 groups, the optimizer 1");
  group.set("params", at::tensor({1, 0}, at::kLong));
  groups.set("0", std::move(group));
  state.set("param_groups", std::move(groups));
  EXPECT_EQ(refusal(state), "parameter 0 of group 0 is 1; PyTorch counts them, and this is 0");
}

TEST(PytorchLayoutTest, LbfgsIsRefused) {
  const auto optimizer = *lbfgs({})({{"a", at::ones({2}).requires_grad_()}});
  EXPECT_EQ(to_pytorch_layout(*optimizer).status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace composer
