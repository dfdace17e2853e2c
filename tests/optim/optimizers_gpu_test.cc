// The optimizers' steps on a GPU: the numbers, and that the host waits for none of them.

#include <ATen/ATen.h>
#include <c10/cuda/CUDAFunctions.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/optim/golden_steps.h"

namespace composer {
namespace {

using testing::expect_golden;
using testing::golden_parameters;
using testing::kGoldenSteps;
using testing::make;
using testing::optimizer_cases;
using testing::OptimizerCase;
using testing::take_golden_step;

class OptimizersGpuTest : public ::testing::TestWithParam<OptimizerCase> {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "this machine has no GPU";
    for (auto& [name, tensor] : parameters_) {
      tensor = tensor.detach().to(at::kCUDA).requires_grad_();
    }
  }

  std::vector<NamedParameter> parameters_ = golden_parameters();
};

TEST_P(OptimizersGpuTest, GivesPythonsNumbers) {
  const auto optimizer = make(GetParam(), parameters_);
  for (int step = 0; step < kGoldenSteps; ++step) take_golden_step(*optimizer, parameters_, step);
  expect_golden(GetParam().name, parameters_);
}

TEST_P(OptimizersGpuTest, NoSteadyStepWaitsForTheDevice) {
  const auto optimizer = make(GetParam(), parameters_);
  const at::Tensor found_inf = at::zeros({}, at::kCUDA);
  optimizer->set_found_inf(found_inf);
  for (const auto& [name, tensor] : parameters_) {
    tensor.mutable_grad() = at::ones_like(tensor.detach());
  }
  optimizer->update();
  const StateDict before = optimizer->state_dict().cloned();
  found_inf.fill_(1);
  c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_ERROR);
  for (int step = 0; step < 3; ++step) {
    for (ParameterGroup& group : optimizer->groups()) group.lr *= 0.5;
    EXPECT_NO_THROW(optimizer->update());
  }
  c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_DISABLED);
  for (ParameterGroup& group : optimizer->groups()) group.lr = group.initial_lr;
  EXPECT_EQ(optimizer->state_dict().first_difference(before), "");
}

INSTANTIATE_TEST_SUITE_P(All, OptimizersGpuTest, ::testing::ValuesIn(optimizer_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace composer
