#include "composer/optim/torch_optimizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <limits>
#include <string>
#include <vector>

namespace composer {
namespace {

namespace optim = torch::optim;

struct Case {
  std::string name;
  OptimizerFactory factory;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

std::vector<Case> cases() {
  return {
      {"sgd", torch_optimizer<optim::SGD>(optim::SGDOptions(0.1).momentum(0.9))},
      {"adam", torch_optimizer<optim::Adam>(optim::AdamOptions(0.1).amsgrad(true))},
      {"adamw", torch_optimizer<optim::AdamW>(optim::AdamWOptions(0.1))},
      {"rmsprop",
       torch_optimizer<optim::RMSprop>(optim::RMSpropOptions(0.1).momentum(0.9).centered(true))},
      {"adagrad", torch_optimizer<optim::Adagrad>(optim::AdagradOptions(0.1).lr_decay(0.1))},
      {"lbfgs", torch_optimizer<optim::LBFGS>(
                    optim::LBFGSOptions(0.1).max_iter(3).line_search_fn("strong_wolfe"))},
  };
}

// Two parameters and a loss that is least at 0.
struct Problem {
  at::Tensor a = at::linspace(-1, 1, 6).view({2, 3}).requires_grad_();
  at::Tensor b = at::linspace(0.5, 2, 4).requires_grad_();
  std::unique_ptr<Optimizer> optimizer;
  int evaluations = 0;

  explicit Problem(const OptimizerFactory& factory) {
    auto made = factory({{"a", a}, {"b", b}});
    EXPECT_TRUE(made.ok()) << made.status();
    optimizer = *std::move(made);
  }

  double step() {
    const at::Tensor loss = optimizer->step([this] {
      ++evaluations;
      optimizer->zero_grad();
      const at::Tensor loss = a.pow(4).sum() + (b * b.exp()).pow(2).sum();
      loss.backward();
      return loss.detach();
    });
    return loss.item<double>();
  }
};

class TorchOptimizerTest : public ::testing::TestWithParam<Case> {};

TEST_P(TorchOptimizerTest, Trains) {
  Problem problem(GetParam().factory);
  EXPECT_EQ(problem.optimizer->groups()[0].lr, 0.1);
  EXPECT_EQ(problem.optimizer->groups()[0].parameters[1].name, "b");
  const double first = problem.step();
  double last = first;
  for (int i = 0; i < 5; ++i) last = problem.step();
  EXPECT_LT(last, first);
  EXPECT_EQ(problem.optimizer->evaluates_loss_repeatedly(), GetParam().name == "lbfgs");
  EXPECT_EQ(problem.evaluations > 6, GetParam().name == "lbfgs");
}

TEST_P(TorchOptimizerTest, FollowsTheScheduledLearningRate) {
  Problem problem(GetParam().factory);
  problem.step();
  const at::Tensor before = problem.a.detach().clone();
  problem.optimizer->groups()[0].lr = 0;
  problem.step();
  // A line search takes its own steps after the first.
  EXPECT_TRUE(GetParam().name == "lbfgs" || problem.a.equal(before));
  auto& adapted = dynamic_cast<TorchOptimizer&>(*problem.optimizer);
  EXPECT_EQ(adapted.optimizer().param_groups()[0].options().get_lr(), 0);
}

TEST_P(TorchOptimizerTest, RestoredStateContinuesWithTheSameBits) {
  Problem whole(GetParam().factory);
  for (int i = 0; i < 3; ++i) whole.step();
  const StateDict saved = whole.optimizer->state_dict().cloned();
  Problem resumed(GetParam().factory);
  {
    const at::NoGradGuard no_grad;
    resumed.a.copy_(whole.a);
    resumed.b.copy_(whole.b);
  }
  ASSERT_TRUE(resumed.optimizer->load_state_dict(saved).ok());
  EXPECT_EQ(resumed.optimizer->state_dict().first_difference(saved), "");
  for (int i = 0; i < 3; ++i) {
    whole.step();
    resumed.step();
  }
  EXPECT_TRUE(resumed.a.equal(whole.a));
  EXPECT_TRUE(resumed.b.equal(whole.b));
  EXPECT_EQ(resumed.optimizer->state_dict().first_difference(whole.optimizer->state_dict()), "");
}

TEST_P(TorchOptimizerTest, AStepWithFoundInfChangesNothing) {
  Problem problem(GetParam().factory);
  problem.step();
  const StateDict before = problem.optimizer->state_dict().cloned();
  const at::Tensor a = problem.a.detach().clone();
  const at::Tensor found_inf = at::ones({});
  problem.optimizer->set_found_inf(found_inf);
  problem.step();
  EXPECT_TRUE(problem.a.equal(a));
  EXPECT_EQ(problem.optimizer->state_dict().first_difference(before), "");
  found_inf.zero_();
  problem.step();
  EXPECT_FALSE(problem.a.equal(a));
}

TEST_P(TorchOptimizerTest, AFirstStepWhoseClosureFindsInfChangesNothing) {
  Problem problem(GetParam().factory);
  const StateDict before = problem.optimizer->state_dict().cloned();
  const at::Tensor a = problem.a.detach().clone();
  problem.optimizer->step([&] {
    problem.a.mutable_grad() = at::full({2, 3}, std::numeric_limits<float>::infinity());
    problem.optimizer->set_found_inf(at::ones({}));
    return at::ones({});
  });
  EXPECT_TRUE(problem.a.equal(a));
  EXPECT_EQ(problem.optimizer->state_dict().first_difference(before), "");
}

INSTANTIATE_TEST_SUITE_P(All, TorchOptimizerTest, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(TorchOptimizerTest, StateOfAnotherOptimizerOrParameterIsRefused) {
  Problem sgd(cases()[0].factory), adam(cases()[1].factory);
  sgd.step();
  adam.step();
  const auto message = [](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_NE(message(adam.optimizer->load_state_dict(sgd.optimizer->state_dict())).find("is of SGD"),
            std::string::npos);
  auto other = *cases()[0].factory({{"c", at::ones({2, 3}).requires_grad_()}});
  EXPECT_NE(message(other->load_state_dict(sgd.optimizer->state_dict())).find("\"a\""),
            std::string::npos);
  auto shape = *cases()[0].factory({{"a", at::ones({4}).requires_grad_()}});
  EXPECT_NE(message(shape->load_state_dict(sgd.optimizer->state_dict())).find("shape"),
            std::string::npos);
}

TEST(TorchOptimizerTest, RepeatedEvaluationNeedsAClosureAndALoss) {
  Problem lbfgs(cases().back().factory);
  EXPECT_THROW(lbfgs.optimizer->update(), c10::ValueError);
  EXPECT_THROW(lbfgs.optimizer->step([] { return at::Tensor(); }), c10::ValueError);
}

TEST(TorchOptimizerTest, SettingsThatTorchRefusesAreAStatus) {
  EXPECT_FALSE(torch_optimizer<optim::Adam>(optim::AdamOptions(-1))({{"a", at::ones({1})}}).ok());
}

// An optimizer of the user's own: its state is not known here.
class SignDescent : public optim::Optimizer {
 public:
  explicit SignDescent(std::vector<at::Tensor> parameters, optim::SGDOptions options)
      : Optimizer(std::move(parameters), std::make_unique<optim::SGDOptions>(options)) {}
  at::Tensor step(LossClosure closure = nullptr) override {
    const at::NoGradGuard no_grad;
    for (at::Tensor& parameter : param_groups()[0].params()) {
      parameter.sub_(parameter.grad().sign(), param_groups()[0].options().get_lr());
      state()[parameter.unsafeGetTensorImpl()] = std::make_unique<optim::SGDParamState>();
    }
    return {};
  }
};

TEST(TorchOptimizerTest, AUsersOwnTrainsButSaysThatItCannotBeSaved) {
  Problem problem(torch_optimizer<SignDescent>(optim::SGDOptions(0.1)));
  const double first = problem.step();
  EXPECT_LT(problem.step(), first);
  EXPECT_THROW(problem.optimizer->state_dict(), c10::NotImplementedError);
}

}  // namespace
}  // namespace composer
