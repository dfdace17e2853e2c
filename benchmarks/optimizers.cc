// What an optimizer's step costs over gradients that stay: ours, torch::optim's where there is one,
// and the bare kernel of ATen with one step count where there is one. One thread unless --threads
// says otherwise; the variants alternate in one process.
//
//   ./bazelw run //benchmarks:optimizers [-- --threads=2] [tiny_mlp | resnet20/adamw ...]

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "benchmarks/arguments.h"
#include "benchmarks/report.h"
#include "composer/base/exceptions.h"
#include "composer/optim/adafactor.h"
#include "composer/optim/adagrad.h"
#include "composer/optim/adam.h"
#include "composer/optim/adamw.h"
#include "composer/optim/decoupled_adamw.h"
#include "composer/optim/decoupled_sgdw.h"
#include "composer/optim/lamb.h"
#include "composer/optim/lion.h"
#include "composer/optim/rmsprop.h"
#include "composer/optim/sgd.h"

namespace composer::benchmarks {
namespace {

namespace optim = torch::optim;
using Shapes = std::vector<std::vector<int64_t>>;
using Tensors = std::vector<at::Tensor>;

constexpr int kRuns = 21;
// Small, so that weights stay in range through all runs.
constexpr double kRate = 1e-5;

Shapes tiny_mlp() { return {{64, 32}, {64}, {10, 64}, {10}}; }

// CIFAR's ResNet-20 (He et al., 2015), 0.27 million values.
Shapes resnet20() {
  Shapes shapes;
  const auto block = [&](int64_t out, int64_t in) {
    shapes.insert(shapes.end(), {{out, in, 3, 3}, {out}, {out}});
  };
  block(16, 3);
  int64_t in = 16;
  for (const int64_t out : {16, 32, 64}) {
    for (int layer = 0; layer < 6; ++layer) {
      block(out, in);
      in = out;
    }
  }
  shapes.insert(shapes.end(), {{10, 64}, {10}});
  return shapes;
}

// Ten layers, 256 wide, 8,000 tokens: 10 million values.
Shapes transformer() {
  Shapes shapes = {{8000, 256}, {256, 256}};
  for (int layer = 0; layer < 10; ++layer) {
    shapes.insert(shapes.end(), {{256},
                                 {256},
                                 {768, 256},
                                 {768},
                                 {256, 256},
                                 {256},
                                 {256},
                                 {256},
                                 {1024, 256},
                                 {1024},
                                 {256, 1024},
                                 {256}});
  }
  shapes.insert(shapes.end(), {{256}, {256}});
  return shapes;
}

struct Case {
  const char* name;
  Shapes (*shapes)();
  // Of one run.
  int steps;
};

const Case kCases[] = {
    {"tiny_mlp", tiny_mlp, 1000}, {"resnet20", resnet20, 50}, {"transformer", transformer, 2}};

// Parameters with gradients, the same for every variant.
Tensors make_parameters(const Case& c) {
  at::manual_seed(0);
  Tensors parameters;
  for (const std::vector<int64_t>& shape : c.shapes()) {
    parameters.push_back(at::randn(shape).requires_grad_());
    parameters.back().mutable_grad() = at::randn(shape);
  }
  return parameters;
}

// What a kernel that is called by hand works on.
struct Bare {
  Tensors parameters, gradients, first, second, steps;
  at::Tensor step = at::zeros({});

  explicit Bare(const Case& c) : parameters(make_parameters(c)) {
    for (const at::Tensor& parameter : parameters) {
      gradients.push_back(parameter.grad());
      first.push_back(at::zeros_like(parameter.detach()));
      second.push_back(at::zeros_like(parameter.detach()));
      steps.push_back(step);
    }
  }
};

struct Measured {
  const char* name;
  OptimizerFactory ours;
  // Null where there is none.
  std::unique_ptr<optim::Optimizer> (*torch_optim)(Tensors);
  void (*kernel)(Bare&);
};

template <typename Optimizer, typename Options>
std::unique_ptr<optim::Optimizer> theirs(Tensors parameters, Options options) {
  return std::make_unique<Optimizer>(std::move(parameters), options);
}

void fused_adamw(Bare& b) {
  at::_fused_adamw_(b.parameters, b.gradients, b.first, b.second, {}, b.steps, kRate, 0.9, 0.999,
                    0.01, 1e-8, false, false);
}

const std::vector<Measured>& measured() {
  static const std::vector<Measured> all = {
      {"sgd", sgd({.lr = kRate, .momentum = 0.9}),
       [](Tensors p) { return theirs<optim::SGD>(p, optim::SGDOptions(kRate).momentum(0.9)); },
       [](Bare& b) {
         at::_fused_sgd_(b.parameters, b.gradients, b.first, 0, 0.9, kRate, 0, false, false, false);
       }},
      {"adam", adam({.lr = kRate}),
       [](Tensors p) { return theirs<optim::Adam>(p, optim::AdamOptions(kRate)); },
       [](Bare& b) {
         at::_fused_adam_(b.parameters, b.gradients, b.first, b.second, {}, b.steps, kRate, 0.9,
                          0.999, 0, 1e-8, false, false);
       }},
      {"adamw", adamw({.lr = kRate}),
       [](Tensors p) { return theirs<optim::AdamW>(p, optim::AdamWOptions(kRate)); }, fused_adamw},
      {"decoupled_sgdw", decoupled_sgdw({.lr = kRate, .momentum = 0.9, .weight_decay = 1e-5}),
       nullptr, nullptr},
      {"decoupled_adamw", decoupled_adamw({.lr = kRate}), nullptr, fused_adamw},
      {"rmsprop", rmsprop({.lr = kRate}),
       [](Tensors p) { return theirs<optim::RMSprop>(p, optim::RMSpropOptions(kRate)); }, nullptr},
      {"adagrad", adagrad({.lr = kRate}),
       [](Tensors p) { return theirs<optim::Adagrad>(p, optim::AdagradOptions(kRate)); },
       [](Bare& b) {
         at::_fused_adagrad_(b.parameters, b.gradients, b.first, b.steps, kRate, 0, 0, 1e-10,
                             false);
       }},
      {"lamb", lamb({.lr = kRate}), nullptr, nullptr},
      {"lion", lion({.lr = kRate}), nullptr, nullptr},
      {"adafactor", adafactor({.lr = kRate}), nullptr, nullptr},
  };
  return all;
}

double microseconds_per_step(int steps, const std::function<void()>& step) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < steps; ++i) step();
  const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / steps;
}

void measure(const Case& c, const Measured& optimizer) {
  std::vector<Series> series = {{"ours", {}}};
  std::vector<std::function<void()>> steps;

  std::vector<NamedParameter> named;
  for (const at::Tensor& parameter : make_parameters(c)) {
    named.push_back({absl::StrCat(named.size()), parameter});
  }
  auto made = optimizer.ours(named);
  throw_if_error(made.status());
  steps.push_back([&] { (*made)->update(); });

  std::unique_ptr<optim::Optimizer> reference;
  if (optimizer.torch_optim != nullptr) {
    reference = optimizer.torch_optim(make_parameters(c));
    series.push_back({"torch_optim", {}});
    steps.push_back([&] { reference->step(); });
  }
  Bare bare(c);
  if (optimizer.kernel != nullptr) {
    series.push_back({"kernel", {}});
    steps.push_back([&] {
      const c10::NoGradGuard no_grad;
      bare.step.add_(1);
      optimizer.kernel(bare);
    });
  }
  for (const auto& step : steps) microseconds_per_step(c.steps, step);
  for (int run = 0; run < kRuns; ++run) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const size_t next = (i + run) % steps.size();
      series[next].values.push_back(microseconds_per_step(c.steps, steps[next]));
    }
  }
  print_report("optimizers", absl::StrCat(c.name, "/", optimizer.name), "us", series);
}

void run(const Arguments& arguments) {
  bool any = false;
  for (const Case& c : kCases) {
    for (const Measured& optimizer : measured()) {
      const std::string name = absl::StrCat(c.name, "/", optimizer.name);
      const bool chosen =
          arguments.names.empty() ||
          std::any_of(arguments.names.begin(), arguments.names.end(), [&](const auto& prefix) {
            return name == prefix || absl::StartsWith(name, prefix + "/");
          });
      if (!chosen) continue;
      any = true;
      measure(c, optimizer);
    }
  }
  TORCH_CHECK_VALUE(any,
                    "there is no such case; there are tiny_mlp, resnet20 and transformer, and "
                    "each with an optimizer's name, such as tiny_mlp/adamw");
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  return composer::benchmarks::run_benchmark(argc, argv, composer::benchmarks::run);
}
