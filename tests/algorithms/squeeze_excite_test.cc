#include "algorithms/squeeze_excite.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/algorithms/surgery_net.h"
#include "tests/testing/formula.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::expect_golden_net;
using testing::formula;
using testing::IsNear;
using testing::surgery_golden;
using testing::surgery_net;

TEST(SqueezeExcite2dTest, GivesComposersValues) {
  for (const auto& [latent, name] : {std::pair(3.0, "se/3/"), std::pair(0.34, "se/0.34/")}) {
    SqueezeExcite2d layer(6, latent);
    const at::NoGradGuard no_grad;
    for (const auto& item : layer.named_parameters()) {
      item.value().copy_(surgery_golden(name + item.key()));
    }
    EXPECT_EQ(layer.named_parameters().size(), 2u);
    EXPECT_THAT(layer.forward(surgery_golden("se/input")),
                IsNear(surgery_golden(std::string(name) + "output"), 1e-6));
  }
}

TEST(SqueezeExcite2dTest, HasAtLeastOneLatentChannel) {
  EXPECT_EQ(SqueezeExcite2d(6, 0.01).parameters()[0].size(0), 1);
}

TEST(ApplySqueezeExcite, ANetworkGivesComposersValuesUnderComposersNames) {
  const auto net = surgery_net();
  const auto replaced = apply_squeeze_excite(*net, {.latent_channels = 0.5, .min_channels = 8});
  EXPECT_FALSE(replaced.empty());
  {
    const at::NoGradGuard no_grad;
    for (const auto& item : net->named_parameters()) {
      if (item.key().find(".se.") == std::string::npos) continue;
      item.value().copy_(formula(item.key(), item.value().sizes()) * 2);
    }
  }
  expect_golden_net(*net, "squeeze_excite");
  for (const auto& replacement : replaced) {
    EXPECT_EQ(replacement.from, "Conv2d");
    EXPECT_EQ(replacement.to, "SqueezeExciteConv2d");
    EXPECT_GT(replacement.parameters_after, replacement.parameters_before);
  }
}

TEST(ApplySqueezeExcite, ASecondApplicationChangesNothing) {
  const auto net = surgery_net();
  const SqueezeExciteOptions options{.latent_channels = 0.5, .min_channels = 8};
  EXPECT_FALSE(apply_squeeze_excite(*net, options).empty());
  EXPECT_TRUE(apply_squeeze_excite(*net, options).empty());
  EXPECT_TRUE(apply_squeeze_excite(*surgery_net()).empty());  // none of 128 channels
}

TEST(SqueezeExciteTest, ChangesTheModelAtInitOrSaysThatItCannot) {
  State state;
  state.model = surgery_net();
  Logger logger;
  SqueezeExcite algorithm({.latent_channels = 2, .min_channels = 8}, /*must_match=*/true);
  ASSERT_TRUE(algorithm.match(Event::kInit, state));
  algorithm.apply(Event::kInit, state, logger);
  EXPECT_TRUE(apply_squeeze_excite(*state.model, {.min_channels = 8}).empty());
  state.model = std::make_shared<testing::TinyModel>();
  EXPECT_THROW(algorithm.apply(Event::kInit, state, logger), c10::ValueError);
  SqueezeExcite().apply(Event::kInit, state, logger);
}

TEST(SqueezeExciteTest, RefusesSizesThatAreNone) {
  config::SqueezeExcite config;
  EXPECT_TRUE(SqueezeExcite::create(config).ok());
  config.set_latent_channels(0);
  EXPECT_EQ(field_of(SqueezeExcite::create(config).status()), "latent_channels");
  config.set_latent_channels(0.5);
  config.set_min_channels(-1);
  EXPECT_EQ(field_of(SqueezeExcite::create(config).status()), "min_channels");
}

}  // namespace
}  // namespace composer
