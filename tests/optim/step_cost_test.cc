// What a steady step costs beside arithmetic: allocations, and reads of single values by the host.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>

#include "composer/optim/fused_optimizer.h"
#include "tests/optim/golden_steps.h"
#include "tests/testing/counters.h"

namespace composer {
namespace {

using testing::allocations;
using testing::counts_allocations;
using testing::golden_parameters;
using testing::HostReads;
using testing::make;
using testing::optimizer_case;
using testing::optimizer_cases;
using testing::OptimizerCase;
using testing::set_golden_gradients;

struct Cost {
  int64_t allocations = 0;
  int64_t host_reads = 0;
};

// Of one more step, after a few.
Cost cost_of(const std::function<void()>& step) {
  for (int i = 0; i < 4; ++i) step();
  Cost cost;
  {
    const HostReads reads;
    step();
    cost.host_reads = reads.count();
  }
  const int64_t before = allocations();
  step();
  cost.allocations = allocations() - before;
  return cost;
}

Cost cost_of(const OptimizerCase& test, bool as_device) {
  const auto parameters = golden_parameters();
  const auto optimizer = make(test, parameters);
  if (as_device) dynamic_cast<FusedOptimizer&>(*optimizer).treat_cpu_as_device();
  set_golden_gradients(parameters, 6);
  optimizer->set_found_inf(at::zeros({}));
  return cost_of([&] { optimizer->update(); });
}

// A loop written by hand around the same kernel.
struct HandWritten {
  std::vector<at::Tensor> parameters, first, second, steps;
  at::Tensor step = at::zeros({});

  HandWritten() {
    const auto named = golden_parameters();
    set_golden_gradients(named, 6);
    for (const auto& [name, tensor] : named) {
      parameters.push_back(tensor);
      first.push_back(at::zeros_like(tensor));
      second.push_back(at::zeros_like(tensor));
      steps.push_back(step);
    }
  }

  Cost cost(const std::string& kernel) {
    return cost_of([&] {
      const c10::NoGradGuard no_grad;
      std::vector<at::Tensor> gradients;
      gradients.reserve(parameters.size());
      for (const at::Tensor& parameter : parameters) gradients.push_back(parameter.grad());
      step.add_(1);
      if (kernel == "sgd_momentum") {
        at::_fused_sgd_(parameters, gradients, first, 0, 0.9, 0.05, 0, false, false, false);
      } else if (kernel == "adam") {
        at::_fused_adam_(parameters, gradients, first, second, {}, steps, 0.01, 0.9, 0.999, 0, 1e-8,
                         false, false);
      } else if (kernel == "adamw" || kernel == "decoupled_adamw") {
        at::_fused_adamw_(parameters, gradients, first, second, {}, steps, 0.01, 0.9, 0.999, 0.01,
                          1e-8, false, false);
      } else if (kernel == "adagrad") {
        at::_fused_adagrad_(parameters, gradients, first, steps, 0.1, 0, 0, 1e-10, false);
      } else {
        ADD_FAILURE() << kernel;
      }
    });
  }
};

class StepCostTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_F(StepCostTest, OfOptimizersOnATensKernelsIsThatOfTheKernel) {
  for (const char* name : {"sgd_momentum", "adam", "adamw", "decoupled_adamw", "adagrad"}) {
    const Cost ours = cost_of(optimizer_case(name), false), kernel = HandWritten().cost(name);
    EXPECT_LE(ours.allocations, kernel.allocations) << name;
    EXPECT_LE(ours.host_reads, kernel.host_reads) << name;
    EXPECT_EQ(kernel.allocations > 0, counts_allocations()) << "the counter counts nothing";
  }
}

TEST_F(StepCostTest, OfOptimizersOnKernelsOfOurOwnIsNothing) {
  for (const char* name :
       {"decoupled_sgdw", "decoupled_sgdw_nesterov", "rmsprop", "rmsprop_all", "lamb", "lion"}) {
    const Cost ours = cost_of(optimizer_case(name), false);
    EXPECT_EQ(ours.allocations, 0) << name;
    EXPECT_EQ(ours.host_reads, 0) << name;
  }
}

TEST_F(StepCostTest, NothingWaitsForADevice) {
  // ATen's kernels read a learning rate in a tensor, but only those for the CPU.
  const auto reads_of_kernel = [](const std::string& name) {
    for (const char* fused : {"sgd", "adam", "adagrad", "decoupled"}) {
      if (name.rfind(fused, 0) == 0) return true;
    }
    return false;
  };
  int checked = 0;
  for (const OptimizerCase& test : optimizer_cases()) {
    if (reads_of_kernel(test.name)) continue;
    EXPECT_EQ(cost_of(test, true).host_reads, 0) << test.name;
    ++checked;
  }
  EXPECT_GE(checked, 10);
}

}  // namespace
}  // namespace composer
