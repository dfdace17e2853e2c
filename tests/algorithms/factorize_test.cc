#include "algorithms/factorize.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "absl/strings/match.h"
#include "algorithms/blurpool.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/algorithms/surgery_net.h"
#include "tests/testing/formula.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::expect_golden_net;
using testing::IsNear;
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

// A layer of one that is factorized to a rank of 4, with the weights of "set_rank/`name`".
template <typename Impl>
std::shared_ptr<LayerSequence> factorized(const std::string& name, const auto& options) {
  const auto layers = std::make_shared<LayerSequence>();
  layers->push_back(make_layer<Impl>(options));
  apply_factorization(
      *layers, {.min_channels = 1, .latent_channels = 4, .min_features = 1, .latent_features = 4});
  layers->to(at::kDouble);
  const at::NoGradGuard no_grad;
  for (const auto& item : layers->named_parameters()) {
    item.value().copy_(surgery_golden("set_rank/" + name + "/before/" + item.key().substr(2)));
  }
  return layers;
}

std::shared_ptr<LayerSequence> factorized_conv() {
  return factorized<torch::nn::Conv2dImpl>("conv",
                                           torch::nn::Conv2dOptions(6, 8, {3, 2}).padding({1, 0}));
}

void expect_golden_rank(LayerSequence& layers, const std::string& name) {
  const at::Tensor input = surgery_golden("set_rank/" + name + "/input");
  const auto before = layers.named_parameters();
  set_rank(*layers.children()[0], input, 4);
  EXPECT_EQ(before["0.module0.weight"].size(0), 4);
  set_rank(*layers.children()[0], input, 2);
  const auto after = layers.named_parameters();
  EXPECT_EQ(after["0.module0.weight"].size(0), 2);
  EXPECT_EQ(after["0.module1.weight"].size(1), 2);
  for (const auto& item : before) EXPECT_TRUE(after[item.key()].is_same(item.value()));
  EXPECT_THAT(after["0.module1.bias"], IsNear(surgery_golden("set_rank/" + name + "/bias"), 1e-6));
  const at::Tensor output = layers.forward(input);
  EXPECT_THAT(output, IsNear(surgery_golden("set_rank/" + name + "/output"), 1e-6));
  output.sum().backward();
  EXPECT_EQ(after["0.module0.weight"].grad().size(0), 2);
}

TEST(SetRank, GivesAConvolutionComposersWeights) { expect_golden_rank(*factorized_conv(), "conv"); }

TEST(SetRank, GivesALinearLayerComposersWeights) {
  expect_golden_rank(*factorized<torch::nn::LinearImpl>("linear", torch::nn::LinearOptions(9, 10)),
                     "linear");
}

TEST(SetRank, OutputsOfThatRankStay) {
  LayerSequence layers;
  layers.push_back(make_layer<torch::nn::Conv2dImpl>(
      torch::nn::Conv2dOptions(6, 8, 3).padding(1).padding_mode(torch::kCircular)));
  layers.push_back(make_layer<torch::nn::LinearImpl>(torch::nn::LinearOptions(8, 7).bias(false)));
  apply_factorization(
      layers, {.min_channels = 1, .latent_channels = 3, .min_features = 1, .latent_features = 3});
  layers.to(at::kDouble);
  {
    const at::NoGradGuard no_grad;
    for (const auto& item : layers.named_parameters()) {
      // The last of three is nothing; the bias goes, too, by which a convolution is not of a rank.
      if (absl::EndsWith(item.key(), "module0.weight")) item.value().select(0, 2).zero_();
      if (absl::EndsWith(item.key(), "bias")) item.value().zero_();
    }
  }
  for (const auto& [index, input] : {std::pair(0, at::randn({4, 6, 5, 5}, at::kDouble)),
                                     std::pair(1, at::randn({4, 5, 8}, at::kDouble))}) {
    const auto layer = layers.children()[index];
    auto& called = dynamic_cast<Layer&>(*layer);
    const at::Tensor before = called.forward(input);
    set_rank(*layer, input, 2);
    EXPECT_THAT(called.forward(input), IsNear(before, 1e-9));
  }
}

TEST(SetRank, RefusesLargerRanksAndWhatItCannotFit) {
  const auto layers = factorized_conv();
  const at::Tensor input = surgery_golden("set_rank/conv/input");
  EXPECT_THROW(set_rank(*layers->children()[0], input, 5), c10::ValueError);
  EXPECT_THROW(set_rank(*layers->children()[0], input, 0), c10::ValueError);
  EXPECT_THROW(set_rank(*layers, input, 2), c10::TypeError);
  for (const auto& options : {torch::nn::Conv2dOptions(8, 8, 3).stride(2),
                              torch::nn::Conv2dOptions(8, 8, 3).dilation(2)}) {
    LayerSequence other;
    other.push_back(make_layer<torch::nn::Conv2dImpl>(options));
    apply_factorization(other, kSmall);
    EXPECT_THROW(set_rank(*other.children()[0], at::randn({1, 8, 9, 9}), 2),
                 c10::NotImplementedError);
  }
  LayerSequence blurred;
  blurred.push_back(make_layer<torch::nn::Conv2dImpl>(torch::nn::Conv2dOptions(8, 8, 3).stride(2)));
  apply_factorization(blurred, kSmall);
  apply_blurpool(blurred, {.min_channels = 1});
  EXPECT_THROW(set_rank(*blurred.children()[0], at::randn({1, 8, 9, 9}), 2),
               c10::NotImplementedError);
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
