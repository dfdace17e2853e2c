#include "algorithms/weight_standardization.h"

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
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::expect_golden_net;
using testing::IsNear;
using testing::surgery_golden;
using testing::surgery_net;

TEST(StandardizeWeight, GivesComposersValues) {
  EXPECT_THAT(standardize_weight(surgery_golden("standardize/weight")),
              IsNear(surgery_golden("standardize/result"), 1e-6));
}

TEST(ApplyWeightStandardization, ANetworkGivesComposersValues) {
  const auto net = surgery_net();
  const auto replaced = apply_weight_standardization(*net);
  EXPECT_EQ(replaced.size(), 15u);
  EXPECT_EQ(replaced[0].to, "StandardizedConv2d");
  expect_golden_net(*net, "weight_standardization/0");
}

TEST(ApplyWeightStandardization, TheLastConvolutionsCanStay) {
  const auto net = surgery_net();
  EXPECT_EQ(apply_weight_standardization(*net, 4).size(), 11u);
  expect_golden_net(*net, "weight_standardization/4");
  EXPECT_TRUE(apply_weight_standardization(*surgery_net(), 100).empty());
}

TEST(ApplyWeightStandardization, ParametersStayAndASecondApplicationChangesNothing) {
  const auto net = surgery_net();
  const auto before = net->named_parameters();
  apply_weight_standardization(*net);
  EXPECT_TRUE(apply_weight_standardization(*net).empty());
  ASSERT_EQ(net->named_parameters().keys(), before.keys());
  for (const auto& item : before) {
    EXPECT_TRUE(net->named_parameters()[item.key()].is_same(item.value()));
  }
}

TEST(WeightStandardizationTest, ChangesTheModelAtInitOrSaysThatItCannot) {
  State state;
  state.model = surgery_net();
  Logger logger;
  WeightStandardization algorithm(0, /*must_match=*/true);
  ASSERT_TRUE(algorithm.match(Event::kInit, state));
  algorithm.apply(Event::kInit, state, logger);
  EXPECT_TRUE(apply_weight_standardization(*state.model).empty());
  state.model = std::make_shared<testing::TinyModel>();
  EXPECT_THROW(algorithm.apply(Event::kInit, state, logger), c10::ValueError);
  WeightStandardization().apply(Event::kInit, state, logger);
}

TEST(WeightStandardizationTest, RefusesANegativeNumber) {
  config::WeightStandardization config;
  EXPECT_TRUE(WeightStandardization::create(config).ok());
  config.set_n_last_layers_ignore(-1);
  EXPECT_EQ(field_of(WeightStandardization::create(config).status()), "n_last_layers_ignore");
}

}  // namespace
}  // namespace composer
