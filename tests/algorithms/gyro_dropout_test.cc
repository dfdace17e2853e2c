#include "algorithms/gyro_dropout.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/dropout.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/nn/layer_sequence.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/golden.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using ::testing::HasSubstr;
using testing::IsExactly;
using testing::IsNear;

at::Tensor golden(const std::string& name) {
  static const TensorDict tensors =
      testing::read_golden("tests/golden/algorithms/transformer_methods.txt");
  return tensors.at("gyro/" + name).clone();
}

TEST(GyroDropoutFunction, GivesComposersValues) {
  const at::Tensor masks = golden("masks");
  for (const int step : {0, 5}) {
    const auto key = [&](const char* name) { return absl::StrCat(step, "/", name); };
    const at::Tensor input = golden(key("input")).requires_grad_();
    const at::Tensor output = gyro_dropout(input, masks, golden(key("picks")), 0.3);
    EXPECT_THAT(output.detach(), IsNear(golden(key("output")), 1e-6));
    output.pow(2).sum().backward();
    EXPECT_THAT(input.grad(), IsNear(golden(key("gradient")), 1e-5));
  }
}

TEST(GyroDropoutFunction, MasksFeaturesOfTokensAndChannelsOfImages) {
  const at::Tensor masks = at::tensor({1, 0, 1, 0, 1, 1}, at::kFloat).view({2, 3});
  const at::Tensor picks = at::tensor({1, 0}, at::kLong);
  const at::Tensor kept = masks.index_select(0, picks).repeat_interleave(2, 0) * 2;
  EXPECT_THAT(gyro_dropout(at::ones({4, 5, 3}), masks, picks, 0.5),
              IsExactly(kept.view({4, 1, 3}).expand({4, 5, 3})));
  EXPECT_THAT(gyro_dropout(at::ones({4, 3, 5, 2}), masks, picks, 0.5),
              IsExactly(kept.view({4, 3, 1, 1}).expand({4, 3, 5, 2})));
  EXPECT_THROW(gyro_dropout(at::ones({4}), masks, picks, 0.5), c10::ValueError);
}

TEST(GyroDropoutFunction, RefusesABatchThatCannotBeSharedEvenly) {
  try {
    gyro_dropout(at::ones({5, 3}), at::ones({2, 3}), at::tensor({1, 0}, at::kLong), 0.5);
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("cannot share 5 samples evenly among tau = 2 masks"));
  }
}

TEST(GyroDropoutLayer, HasTheSameMasksInAllTurnsAndOtherPicksInEach) {
  GyroDropoutLayer layer({.p = 0.25, .sigma = 64, .tau = 4}, 7);
  const at::Tensor masks = layer.masks(500);
  EXPECT_EQ(masks.sizes(), (std::vector<int64_t>{64, 500}));
  // 32000 draws: six standard deviations are 0.0145.
  EXPECT_NEAR(masks.mean().item<double>(), 0.75, 0.0145);
  std::set<std::vector<int64_t>> seen;
  for (uint64_t turn = 0; turn < 20; ++turn) {
    layer.set_turn(turn);
    EXPECT_THAT(layer.masks(500), IsExactly(masks));
    const at::Tensor picks = layer.picks();
    ASSERT_EQ(picks.numel(), 4);
    const auto* const first = picks.const_data_ptr<int64_t>();
    EXPECT_EQ(std::set<int64_t>(first, first + 4).size(), 4u);
    EXPECT_TRUE(*std::min_element(first, first + 4) >= 0 &&
                *std::max_element(first, first + 4) < 64);
    seen.insert(std::vector<int64_t>(first, first + 4));
  }
  EXPECT_EQ(seen.size(), 20u);
  GyroDropoutLayer same({.p = 0.25, .sigma = 64, .tau = 4}, 7);
  GyroDropoutLayer other({.p = 0.25, .sigma = 64, .tau = 4}, 8);
  EXPECT_THAT(same.masks(500), IsExactly(masks));
  EXPECT_FALSE(at::equal(other.masks(500), masks));
}

TEST(GyroDropoutLayer, DropsOutAsTheFunctionWhateverTheInputAndNothingInEvaluation) {
  GyroDropoutLayer layer({.p = 0.4, .sigma = 8, .tau = 2}, 3);
  for (const uint64_t turn : {0, 1, 2, 1}) {
    layer.set_turn(turn);
    for (const int64_t features : {5, 6}) {
      const at::Tensor input = at::randn({4, features});
      const at::Tensor expected = gyro_dropout(input, layer.masks(features), layer.picks(), 0.4);
      EXPECT_THAT(layer.forward(input), IsNear(expected, 1e-6));
      EXPECT_EQ(layer.forward(input.to(at::kBFloat16)).scalar_type(), at::kBFloat16);
    }
  }
  layer.eval();
  const at::Tensor input = at::randn({3, 5});
  EXPECT_TRUE(layer.forward(input).is_same(input));
}

std::shared_ptr<LayerSequence> dropouts() {
  auto layers = std::make_shared<LayerSequence>();
  layers->push_back(make_layer<torch::nn::DropoutImpl>(0.1));
  layers->push_back(make_layer<torch::nn::DropoutImpl>(0.2));
  return layers;
}

TEST(ApplyGyroDropout, GivesEachLayerMasksOfItsOwnAndIsDoneOnce) {
  const auto layers = dropouts();
  const auto replaced = apply_gyro_dropout(*layers, {.sigma = 4, .tau = 2}, 1);
  ASSERT_EQ(replaced.size(), 2u);
  EXPECT_EQ(replaced[0].from, "Dropout");
  EXPECT_EQ(replaced[0].to, "GyroDropoutLayer");
  const auto children = layers->children();
  EXPECT_FALSE(at::equal(children[0]->as<GyroDropoutLayer>()->masks(50),
                         children[1]->as<GyroDropoutLayer>()->masks(50)));
  EXPECT_TRUE(apply_gyro_dropout(*layers, {}, 2).empty());
}

class DropoutModel final : public testing::TinyModel {
 public:
  DropoutModel() { layers = register_module("layers", dropouts()); }
  std::shared_ptr<LayerSequence> layers;
};

TEST(GyroDropoutTest, PicksInEqualPartsOfTheRunWhateverItsUnit) {
  Logger logger;
  for (const auto& [duration, unit] :
       {std::pair("40ba", &Timestamp::batch), std::pair("40sp", &Timestamp::sample),
        std::pair("40tok", &Timestamp::token)}) {
    State state;
    const auto model = std::make_shared<DropoutModel>();
    state.model = model;
    state.max_duration = *Time::parse(duration);
    GyroDropout algorithm({.sigma = 8, .tau = 2});
    algorithm.apply(Event::kInit, state, logger);
    auto* const layer = model->layers->children()[0]->as<GyroDropoutLayer>();
    std::vector<int64_t> changes;
    at::Tensor last = layer->picks();
    for (int64_t now = 0; now < 40; ++now) {
      state.timestamp.*unit = now;
      ASSERT_TRUE(algorithm.match(Event::kBatchStart, state));
      algorithm.apply(Event::kBatchStart, state, logger);
      if (!at::equal(layer->picks(), last)) changes.push_back(now);
      last = layer->picks();
    }
    EXPECT_EQ(changes, (std::vector<int64_t>{10, 20, 30})) << duration;
  }
}

TEST(GyroDropoutTest, FewBatchesAreNoDivisionByZeroAndRanksPickByThemselves) {
  Logger logger;
  State state;
  const auto model = std::make_shared<DropoutModel>();
  state.model = model;
  state.max_duration = *Time::parse("1ba");
  state.world_size = 2;
  GyroDropout algorithm({.sigma = 256, .tau = 16});
  algorithm.apply(Event::kInit, state, logger);
  auto* const layer = model->layers->children()[0]->as<GyroDropoutLayer>();
  algorithm.apply(Event::kBatchStart, state, logger);
  const at::Tensor picks = layer->picks();
  state.rank = 1;
  algorithm.apply(Event::kBatchStart, state, logger);
  EXPECT_FALSE(at::equal(layer->picks(), picks));
}

TEST(GyroDropoutTest, AModelWithoutDropoutIsAWarningOrAnError) {
  State state;
  state.model = std::make_shared<testing::TinyModel>();
  Logger logger;
  GyroDropout().apply(Event::kInit, state, logger);
  GyroDropout algorithm({}, /*must_match=*/true);
  EXPECT_THROW(algorithm.apply(Event::kInit, state, logger), c10::ValueError);
}

TEST(GyroDropoutTest, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  const GyroDropoutOptions defaults;
  config::GyroDropout config;
  EXPECT_EQ(config.p(), defaults.p);
  EXPECT_EQ(config.sigma(), defaults.sigma);
  EXPECT_EQ(config.tau(), defaults.tau);
  EXPECT_TRUE(GyroDropout::create(config).ok());
  config.set_tau(257);
  EXPECT_EQ(field_of(GyroDropout::create(config).status()), "tau");
  config.set_sigma(0);
  EXPECT_EQ(field_of(GyroDropout::create(config).status()), "sigma");
  config.set_p(1);
  EXPECT_EQ(field_of(GyroDropout::create(config).status()), "p");
}

}  // namespace
}  // namespace composer
