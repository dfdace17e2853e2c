#include "composer/optim/lbfgs.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/golden_steps.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

using testing::expect_golden;
using testing::golden_optimizers;
using testing::kGoldenSteps;
using testing::set_golden_gradients;

at::Tensor start(const std::string& name, at::ScalarType type) {
  return golden_optimizers().at("parameters/" + name).to(type, false, true).requires_grad_();
}

// The loss of the golden numbers.
struct Problem {
  at::Tensor weight = start("weight", at::kDouble);
  at::Tensor bias = start("bias", at::kDouble);
  std::vector<NamedParameter> parameters = {{"weight", weight}, {"bias", bias}};
  std::unique_ptr<Optimizer> optimizer;
  int evaluations = 0;

  explicit Problem(LbfgsOptions options) : optimizer(*lbfgs(options)(parameters)) {}

  at::Tensor step(const at::Tensor& found_inf = {}, int bad_evaluation = 0) {
    return optimizer->step([&] {
      ++evaluations;
      optimizer->zero_grad();
      const at::Tensor loss = (weight.pow(4) / 4 - weight).sum() + (bias.exp() - 2 * bias).sum() +
                              (weight.sum(1) - bias).pow(2).sum();
      loss.backward();
      if (evaluations == bad_evaluation) {
        found_inf.fill_(1);
        weight.mutable_grad().fill_(INFINITY);
      }
      return loss.detach();
    });
  }
};

class LbfgsTest : public ::testing::TestWithParam<std::pair<const char*, LbfgsOptions>> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_P(LbfgsTest, FollowsPyTorch) {
  const auto& [name, options] = GetParam();
  Problem problem(options);
  EXPECT_TRUE(problem.optimizer->evaluates_loss_repeatedly());
  for (int step = 0; step < kGoldenSteps; ++step) problem.step();
  expect_golden(name, problem.parameters);
}

INSTANTIATE_TEST_SUITE_P(
    All, LbfgsTest,
    ::testing::Values(
        std::pair("lbfgs", LbfgsOptions{.lr = 0.1, .max_iter = 4, .history_size = 5}),
        std::pair("lbfgs_wolfe",
                  LbfgsOptions{.max_iter = 3, .history_size = 3, .strong_wolfe = true}),
        std::pair("lbfgs_wolfe_eval",
                  LbfgsOptions{.lr = 0.5, .max_iter = 6, .max_eval = 3, .strong_wolfe = true})),
    [](const auto& info) { return info.param.first; });

TEST(LbfgsTest, FollowsPyTorchOnGivenGradients) {
  const std::pair<std::string, LbfgsOptions> cases[] = {
      {"lbfgs_short", {.lr = 0.1, .max_iter = 1, .history_size = 4}},
      {"lbfgs_long", {.lr = 0.05, .max_iter = 1}},
  };
  for (const auto& [name, options] : cases) {
    const std::vector<NamedParameter> parameters = {{"weight", start("weight", at::kFloat)},
                                                    {"bias", start("bias", at::kFloat)}};
    const auto optimizer = *lbfgs(options)(parameters);
    for (int step = 0; step < kGoldenSteps; ++step) {
      optimizer->step([&] {
        set_golden_gradients(parameters, step);
        return at::zeros({});
      });
    }
    expect_golden(name, parameters);
  }
}

TEST(LbfgsTest, AnEvaluationWithFoundInfEndsTheStepAndChangesNothing) {
  const at::Tensor found_inf = at::zeros({});
  Problem problem({.max_iter = 4, .strong_wolfe = true});
  problem.optimizer->set_found_inf(found_inf);
  problem.step();
  const int evaluations = problem.evaluations;
  const StateDict before = problem.optimizer->state_dict().cloned();
  const at::Tensor weight = problem.weight.detach().clone();
  for (const int bad : {1, 2}) {  // at the first evaluation of the step, and in its line search
    problem.evaluations = 0;
    EXPECT_TRUE(problem.step(found_inf, bad).defined());
    found_inf.fill_(0);
    EXPECT_EQ(problem.evaluations, bad);
    EXPECT_TRUE(problem.weight.equal(weight));
    EXPECT_EQ(problem.optimizer->state_dict().first_difference(before), "");
  }
  EXPECT_GT(evaluations, 2);
  Problem unbroken({.max_iter = 4, .strong_wolfe = true});
  unbroken.step();
  unbroken.step();
  problem.step();
  EXPECT_TRUE(problem.weight.equal(unbroken.weight));
}

}  // namespace
}  // namespace composer
