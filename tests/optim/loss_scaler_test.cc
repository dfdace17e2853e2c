#include "composer/optim/loss_scaler.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "composer/optim/adamw.h"
#include "composer/optim/sgd.h"
#include "google/protobuf/text_format.h"
#include "proto/run.pb.h"

namespace composer {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

// A parameter of three ones, and its optimizer.
struct Trained {
  at::Tensor parameter = at::ones({3}).requires_grad_();
  AdamW optimizer = AdamW(std::vector<NamedParameter>{{"w", parameter}}, {.lr = 0.1});

  void set_gradient(double value) {
    parameter.mutable_grad() = at::ones({3});
    parameter.mutable_grad()[1] = value;
  }
};

LossScalerOptions options_of(const std::string& text) {
  config::GradScaler config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return {.init_scale = config.init_scale(),
          .growth_factor = config.growth_factor(),
          .backoff_factor = config.backoff_factor(),
          .growth_interval = config.growth_interval()};
}

TEST(LossScalerTest, TheScaleFollowsPyTorchs) {
  std::ifstream file("tests/golden/optim/grad_scaler.txt");
  ASSERT_TRUE(file.good());
  int cases = 0;
  for (std::string head, steps, expected;
       std::getline(file, head) && std::getline(file, steps) && std::getline(file, expected);) {
    ++cases;
    LossScaler scaler(options_of(std::string(absl::StripPrefix(head, "case "))));
    Trained first, second;
    const std::vector<std::string> states = absl::StrSplit(expected, ' ');
    const auto check = [&](size_t step) {
      const std::pair<std::string, std::string> state = absl::StrSplit(states.at(step), '/');
      const StateDict actual = scaler.state_dict();
      EXPECT_EQ(*actual.number("scale"), std::strtof(state.first.c_str(), nullptr))
          << head << ", step " << step;
      EXPECT_EQ(*actual.integer("_growth_tracker"), std::atoi(state.second.c_str()))
          << head << ", step " << step;
    };
    check(0);
    size_t step = 0;
    for (const auto gradients : absl::StrSplit(steps, ' ')) {
      const std::pair<std::string, std::string> both = absl::StrSplit(gradients, ',');
      first.set_gradient(std::strtod(both.first.c_str(), nullptr));
      second.set_gradient(std::strtod(both.second.c_str(), nullptr));
      const bool first_fails = both.first != "1", second_fails = both.second != "1";
      EXPECT_EQ(scaler.unscale(first.optimizer).item<float>(), first_fails ? 1 : 0);
      EXPECT_EQ(scaler.unscale(second.optimizer).item<float>(), second_fails ? 1 : 0);
      scaler.update();
      check(++step);
    }
    EXPECT_EQ(states.size(), step + 1);
  }
  EXPECT_EQ(cases, 5);
}

TEST(LossScalerTest, TakesTheScaleOutOfTheGradientsAgain) {
  LossScaler scaler({.init_scale = 3});
  const at::Tensor single = at::ones({3}).requires_grad_();
  const at::Tensor brain = at::ones({2}, at::kBFloat16).requires_grad_();
  const at::Tensor unused = at::ones({2}).requires_grad_();
  Sgd optimizer({{"single", single}, {"brain", brain}, {"unused", unused}}, {.lr = 0.1});
  const at::Tensor loss = (single * 5).sum() + (brain.to(at::kFloat) * 7).sum();
  const at::Tensor scaled = scaler.scale(loss);
  EXPECT_EQ(scaled.item<float>(), 3 * loss.item<float>());
  scaled.backward();
  EXPECT_EQ(single.grad()[0].item<float>(), 15);
  EXPECT_EQ(scaler.unscale(optimizer).item<float>(), 0);
  EXPECT_TRUE(at::allclose(single.grad(), at::full({3}, 5.)));
  EXPECT_EQ(brain.grad()[0].item<float>(), 7);
  EXPECT_FALSE(unused.grad().defined());
}

TEST(LossScalerTest, AFlagOutlivesItsStep) {
  LossScaler scaler;
  Trained trained;
  trained.set_gradient(kInf);
  const at::Tensor bad = scaler.unscale(trained.optimizer);
  scaler.update();
  trained.set_gradient(1);
  const at::Tensor good = scaler.unscale(trained.optimizer);
  scaler.update();
  EXPECT_EQ(bad.item<float>(), 1);
  EXPECT_EQ(good.item<float>(), 0);
}

TEST(LossScalerTest, SeveralEvaluationsOfTheLossAreOneStep) {
  LossScaler scaler({.init_scale = 8, .growth_interval = 1});
  Trained trained;
  for (const float gradient : {1.F, kInf, 1.F}) {
    trained.set_gradient(gradient);
    scaler.unscale(trained.optimizer);
  }
  scaler.update();
  EXPECT_EQ(scaler.current_scale(), 4);
}

TEST(LossScalerTest, AStepWithoutGradientsDoesNotCount) {
  LossScaler scaler({.init_scale = 8, .growth_interval = 1});
  scaler.update();
  EXPECT_EQ(scaler.current_scale(), 8);
}

TEST(LossScalerTest, OverflowsAreExpectedUntilTheScaleIsBelowOne) {
  LossScaler scaler({.init_scale = 4});
  Trained trained;
  std::vector<bool> expected;
  for (int step = 0; step < 5; ++step) {
    expected.push_back(scaler.expects_overflow());
    trained.set_gradient(kInf);
    scaler.unscale(trained.optimizer);
    scaler.update();
  }
  EXPECT_EQ(expected, (std::vector<bool>{true, true, true, false, false}));
}

TEST(LossScalerTest, StateGoesOnWhereItWasAndHasPyTorchsNames) {
  LossScaler whole({.init_scale = 8, .growth_interval = 3});
  Trained trained;
  const auto step = [&](LossScaler& scaler) {
    trained.set_gradient(1);
    scaler.unscale(trained.optimizer);
    scaler.update();
  };
  step(whole);
  step(whole);
  const StateDict saved = whole.state_dict();
  EXPECT_EQ(*saved.number("scale"), 8);
  EXPECT_EQ(*saved.number("growth_factor"), 2);
  EXPECT_EQ(*saved.number("backoff_factor"), 0.5);
  EXPECT_EQ(*saved.integer("growth_interval"), 3);
  EXPECT_EQ(*saved.integer("_growth_tracker"), 2);

  LossScaler resumed({.init_scale = 1024, .growth_interval = 3});
  ASSERT_TRUE(resumed.load_state_dict(saved).ok());
  step(resumed);
  EXPECT_EQ(resumed.current_scale(), 16);
  EXPECT_EQ(resumed.load_state_dict({}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(resumed.current_scale(), 16);
}

TEST(LossScalerTest, GradientsInFloat16AreRefusedByName) {
  LossScaler scaler;
  const at::Tensor half = at::ones({3}, at::kHalf).requires_grad_();
  half.mutable_grad() = at::ones({3}, at::kHalf);
  Sgd optimizer(std::vector<NamedParameter>{{"fc.weight", half}}, {.lr = 0.1});
  try {
    scaler.unscale(optimizer);
    FAIL();
  } catch (const c10::TypeError& error) {
    EXPECT_THAT(error.what_without_backtrace(), ::testing::HasSubstr("\"fc.weight\""));
  }
}

TEST(LossScalerTest, OptionsThatDoNotFitAreRefused) {
  for (const LossScalerOptions& options :
       {LossScalerOptions{.init_scale = 0}, LossScalerOptions{.growth_factor = 1},
        LossScalerOptions{.backoff_factor = 1}, LossScalerOptions{.backoff_factor = 0},
        LossScalerOptions{.growth_interval = 0}, LossScalerOptions{.min_scale = 0}}) {
    EXPECT_THROW(LossScaler{options}, c10::ValueError);
  }
}

}  // namespace
}  // namespace composer
