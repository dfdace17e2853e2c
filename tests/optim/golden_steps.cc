#include "tests/optim/golden_steps.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

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
#include "tests/testing/golden.h"

namespace composer::testing {

const std::vector<OptimizerCase>& optimizer_cases() {
  static const std::vector<OptimizerCase> cases = {
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
      {"adam", adam({.lr = 0.01})},
      {"adam_options",
       adam({.lr = 0.02, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-6, .weight_decay = 0.1})},
      {"adam_amsgrad", adam({.lr = 0.02, .beta1 = 0.8, .beta2 = 0.9, .amsgrad = true})},
      {"decoupled_sgdw", decoupled_sgdw({.lr = 0.1, .weight_decay = 0.01})},
      {"decoupled_sgdw_dampening",
       decoupled_sgdw({.lr = 0.05, .momentum = 0.8, .dampening = 0.3, .weight_decay = 0.02})},
      {"decoupled_sgdw_nesterov",
       decoupled_sgdw({.lr = 0.05, .momentum = 0.9, .weight_decay = 0.02, .nesterov = true})},
      {"decoupled_adamw", decoupled_adamw({.lr = 0.01})},
      {"decoupled_adamw_options",
       decoupled_adamw(
           {.lr = 0.02, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-6, .weight_decay = 0.02})},
      {"decoupled_adamw_amsgrad",
       decoupled_adamw({.lr = 0.02, .weight_decay = 0.01, .amsgrad = true})},
      {"rmsprop", rmsprop({.lr = 0.01})},
      {"rmsprop_momentum",
       rmsprop({.lr = 0.01, .alpha = 0.9, .weight_decay = 0.05, .momentum = 0.8})},
      {"rmsprop_centered", rmsprop({.lr = 0.01, .alpha = 0.9, .eps = 1e-6, .centered = true})},
      {"rmsprop_all",
       rmsprop(
           {.lr = 0.01, .alpha = 0.9, .weight_decay = 0.05, .momentum = 0.8, .centered = true})},
      {"adagrad", adagrad({.lr = 0.1})},
      {"adagrad_options", adagrad({.lr = 0.1,
                                   .lr_decay = 0.05,
                                   .weight_decay = 0.02,
                                   .initial_accumulator_value = 0.3,
                                   .eps = 1e-6})},
      {"lamb", lamb({.lr = 0.02})},
      {"lamb_options",
       lamb({.lr = 0.05, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-4, .weight_decay = 0})},
      {"lion", lion({.lr = 0.01})},
      {"lion_options", lion({.lr = 0.02, .beta1 = 0.95, .beta2 = 0.98, .weight_decay = 0.3})},
      {"adafactor", adafactor({})},
      {"adafactor_options", adafactor({.lr = 0.5,
                                       .beta2_decay = -0.5,
                                       .eps1 = 1e-4,
                                       .eps2 = 1e-2,
                                       .clipping_threshold = 1.2,
                                       .weight_decay = 0.02})},
  };
  return cases;
}

const OptimizerCase& optimizer_case(const std::string& name) {
  return *std::find_if(optimizer_cases().begin(), optimizer_cases().end(),
                       [&](const OptimizerCase& test) { return test.name == name; });
}

const TensorDict& golden_optimizers() {
  static const TensorDict tensors = read_golden("tests/golden/optim/optimizers.txt");
  return tensors;
}

std::vector<NamedParameter> golden_parameters() {
  std::vector<NamedParameter> parameters;
  for (const char* name : {"conv", "weight", "bias", "late"}) {
    const at::Tensor& start = golden_optimizers().at(std::string("parameters/") + name);
    parameters.push_back({name, start.clone().requires_grad_()});
  }
  return parameters;
}

void set_golden_gradients(const std::vector<NamedParameter>& parameters, int step) {
  for (const auto& [name, tensor] : parameters) {
    const bool has_gradient = name != "late" || (step >= 5 && (step < 10 || step > 12));
    const at::Tensor& all = golden_optimizers().at("gradients/" + name);
    tensor.mutable_grad() = has_gradient ? all[step].clone() : at::Tensor();
  }
}

void take_golden_step(Optimizer& optimizer, const std::vector<NamedParameter>& parameters,
                      int step) {
  set_golden_gradients(parameters, step);
  optimizer.update();
  for (ParameterGroup& group : optimizer.groups()) group.lr *= 0.95;
}

std::unique_ptr<Optimizer> make(const OptimizerCase& test,
                                const std::vector<NamedParameter>& parameters) {
  auto optimizer = test.factory(parameters);
  EXPECT_TRUE(optimizer.ok()) << optimizer.status();
  return *std::move(optimizer);
}

void expect_golden(const std::string& prefix, const std::vector<NamedParameter>& parameters) {
  for (const auto& [name, tensor] : parameters) {
    EXPECT_LT(relative_error(tensor, golden_optimizers().at(prefix + "/" + name)), 1e-6)
        << prefix << "/" << name;
  }
}

}  // namespace composer::testing
