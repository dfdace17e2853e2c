// What a steady step costs beside arithmetic: allocations, and reads of single values by the host.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>

#include "composer/optim/fused_optimizer.h"
#include "tests/optim/golden_steps.h"

// A sanitizer brings a malloc of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1
#else
#define COUNTS_ALLOCATIONS 0
#endif

namespace {
std::atomic<int64_t> allocations = 0;
}  // namespace

#if COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** result, size_t alignment, size_t size) {
  ++allocations;
  *result = __libc_memalign(alignment, size);
  return *result == nullptr ? ENOMEM : 0;
}
}
#endif

namespace composer {
namespace {

using testing::golden_parameters;
using testing::make;
using testing::optimizer_case;
using testing::optimizer_cases;
using testing::OptimizerCase;
using testing::set_golden_gradients;

int64_t host_reads = 0;

struct Cost {
  int64_t allocations = 0;
  int64_t host_reads = 0;
};

// Of one more step, after a few.
Cost cost_of(const std::function<void()>& step) {
  for (int i = 0; i < 4; ++i) step();
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& function)
                                     -> std::unique_ptr<at::ObserverContext> {
        for (const char* reader : {"aten::item", "aten::_local_scalar_dense", "aten::equal",
                                   "aten::nonzero", "aten::is_nonzero"}) {
          host_reads += std::string(function.name()) == reader;
        }
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  host_reads = 0;
  step();
  at::removeCallback(handle);
  const int64_t before = allocations;
  step();
  return {allocations - before, host_reads};
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
    EXPECT_TRUE(!COUNTS_ALLOCATIONS || kernel.allocations > 0) << "the counter counts nothing";
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
