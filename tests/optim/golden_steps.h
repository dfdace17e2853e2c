#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "composer/core/optimizer.h"
#include "composer/core/tensor_dict.h"

namespace composer::testing {

/// How many steps the golden numbers have.
constexpr int kGoldenSteps = 20;

/// An optimizer with settings of which there are golden numbers under `name`.
struct OptimizerCase {
  std::string name;
  OptimizerFactory factory;

  friend void PrintTo(const OptimizerCase& test, std::ostream* out) { *out << test.name; }
};

/// One for each optimizer and each set of options, LBFGS's apart.
const std::vector<OptimizerCase>& optimizer_cases();
/// REQUIRES: there is one.
const OptimizerCase& optimizer_case(const std::string& name);

/// tests/golden/optim/optimizers.txt.
const TensorDict& golden_optimizers();

/// "conv", "weight", "bias" and "late" as they start.
std::vector<NamedParameter> golden_parameters();

/// Sets the gradients of a step; "late" does not always have one.
void set_golden_gradients(const std::vector<NamedParameter>& parameters, int step);

/// A step with its gradients, and the fall of the learning rate after it.
void take_golden_step(Optimizer& optimizer, const std::vector<NamedParameter>& parameters,
                      int step);

std::unique_ptr<Optimizer> make(const OptimizerCase& test,
                                const std::vector<NamedParameter>& parameters);

/// Compares with the golden numbers under `prefix`, to 1e-6 relative.
void expect_golden(const std::string& prefix, const std::vector<NamedParameter>& parameters);

}  // namespace composer::testing
