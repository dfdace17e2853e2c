#include "algorithms/factorize.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>

#include "algorithms/blurpool.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/surgery_net.h"
#include "tests/testing/formula.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::expect_golden_net;
using testing::set_by_formula;
using testing::surgery_golden;
using testing::surgery_net;

constexpr FactorizeOptions kSmall{
    .min_channels = 8, .latent_channels = 0.5, .min_features = 3, .latent_features = 2};

// inputs, outputs, kernel area, latent, Composer's rank or 0
TEST(FactorizedRank, IsComposers) {
  const at::Tensor rows = surgery_golden("factorize/ranks");
  int64_t factorized = 0;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const double* const row = rows.const_data_ptr<double>() + i * rows.size(1);
    const auto rank = factorized_rank(static_cast<int64_t>(row[0]), static_cast<int64_t>(row[1]),
                                      static_cast<int64_t>(row[2]), row[3]);
    EXPECT_EQ(static_cast<double>(rank.value_or(0)), row[4])
        << row[0] << " " << row[1] << " " << row[2] << " " << row[3];
    if (rank) ++factorized;
  }
  EXPECT_GT(factorized, 0);
  EXPECT_LT(factorized, rows.size(0));
}

TEST(ApplyFactorization, ANetworkGivesComposersValuesUnderComposersNames) {
  const auto net = surgery_net();
  EXPECT_FALSE(apply_factorization(*net, kSmall).empty());
  set_by_formula(*net);
  EXPECT_TRUE(net->named_parameters().contains("fc.module1.bias"));
  expect_golden_net(*net, "factorize");
}

TEST(ApplyFactorization, WeightsAreNewAndFewer) {
  const auto net = surgery_net();
  for (const LayerReplacement& replacement : apply_factorization(*net, kSmall)) {
    // A convolution gets a bias.
    EXPECT_LT(replacement.parameters_after, replacement.parameters_before + 32);
  }
  EXPECT_TRUE(apply_factorization(*net, kSmall).empty());
}

TEST(ApplyFactorization, ReplacesWhatItsSettingsSay) {
  const auto count = [](FactorizeOptions options) {
    return apply_factorization(*surgery_net(), options).size();
  };
  FactorizeOptions only = kSmall;
  only.factorize_convs = false;
  EXPECT_EQ(count(only), 1u);
  only = kSmall;
  only.min_features = 4;  // of 3 classes
  EXPECT_EQ(count(only) + 1, count(kSmall));
  EXPECT_EQ(count({}), 0u);
}

TEST(ApplyFactorization, GroupsStayAndSettingsOfTheConvolutionToo) {
  LayerSequence layers;
  layers.push_back(
      make_layer<torch::nn::Conv2dImpl>(torch::nn::Conv2dOptions(16, 16, 3).groups(2)));
  layers.push_back(make_layer<torch::nn::Conv2dImpl>(
      torch::nn::Conv2dOptions(16, 16, 3).stride(2).padding(2).dilation(2).padding_mode(
          torch::kCircular)));
  const at::Tensor input = at::randn({1, 16, 9, 9});
  const auto sizes = layers.forward(input).sizes().vec();
  const auto replaced = apply_factorization(layers, kSmall);
  ASSERT_EQ(replaced.size(), 1u);
  EXPECT_EQ(replaced[0].name, "1");
  EXPECT_EQ(layers.forward(input).sizes(), at::IntArrayRef(sizes));
}

TEST(ApplyFactorization, GoesBeforeOtherMethodsAndIsRefusedAfterThem) {
  const auto net = surgery_net();
  apply_factorization(*net, {.min_channels = 8});
  EXPECT_FALSE(apply_blurpool(*net, {.min_channels = 8}).empty());
  net->logits(at::randn({2, 3, 8, 8}));
  const auto other = surgery_net();
  apply_blurpool(*other, {.min_channels = 8});
  EXPECT_THROW(apply_factorization(*other, {.min_channels = 8}), c10::NotImplementedError);
}

TEST(FactorizeTest, ChangesTheModelAtInitOrSaysThatItCannot) {
  State state;
  state.model = surgery_net();
  Logger logger;
  Factorize algorithm(kSmall, /*must_match=*/true);
  ASSERT_TRUE(algorithm.match(Event::kInit, state));
  algorithm.apply(Event::kInit, state, logger);
  EXPECT_TRUE(apply_factorization(*state.model, kSmall).empty());
  state.model = std::make_shared<testing::TinyModel>();
  EXPECT_THROW(algorithm.apply(Event::kInit, state, logger), c10::ValueError);
  Factorize().apply(Event::kInit, state, logger);
}

TEST(FactorizeTest, RefusesSettingsByTheirField) {
  const auto field = [](const auto& change) {
    config::Factorize config;
    change(config);
    return field_of(Factorize::create(config).status());
  };
  EXPECT_TRUE(Factorize::create({}).ok());
  EXPECT_EQ(field([](auto& c) {
              c.set_factorize_convs(false);
              c.set_factorize_linears(false);
            }),
            "factorize_convs");
  EXPECT_EQ(field([](auto& c) { c.set_min_channels(-1); }), "min_channels");
  EXPECT_EQ(field([](auto& c) { c.set_latent_channels(0); }), "latent_channels");
  EXPECT_EQ(field([](auto& c) { c.set_min_features(-1); }), "min_features");
  EXPECT_EQ(field([](auto& c) { c.set_latent_features(0); }), "latent_features");
}

}  // namespace
}  // namespace composer
