#include "algorithms/weight_standardization.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>

#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/nn/layer.h"
#include "composer/nn/slot.h"
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

// One convolution in a slot.
template <typename Conv>
struct OneConv : public torch::nn::Module, public SlotOwner {
  Slot<Layer> conv{*this, "conv",
                   make_layer<Conv>(torch::nn::ConvOptions<Conv::kDimensions>(2, 3, 3))};
};

struct Conv1d : torch::nn::Conv1dImpl {
  using torch::nn::Conv1dImpl::Conv1dImpl;
  static constexpr size_t kDimensions = 1;
};
struct Conv3d : torch::nn::Conv3dImpl {
  using torch::nn::Conv3dImpl::Conv3dImpl;
  static constexpr size_t kDimensions = 3;
};

template <typename Conv>
void expect_standardized(const std::vector<int64_t>& sizes) {
  OneConv<Conv> net;
  const at::Tensor input = at::randn(sizes);
  const at::Tensor weight = net.parameters()[0], bias = net.parameters()[1];
  ASSERT_EQ(apply_weight_standardization(net).size(), 1u);
  EXPECT_TRUE(apply_weight_standardization(net).empty());
  EXPECT_TRUE(net.parameters()[0].is_same(weight));
  const at::Tensor expected =
      at::convolution(input, standardize_weight(weight), bias, /*stride=*/1, /*padding=*/0,
                      /*dilation=*/1, /*transposed=*/false, /*output_padding=*/0, /*groups=*/1);
  EXPECT_THAT(net.conv->forward(input), IsNear(expected, 1e-6));
}

TEST(ApplyWeightStandardization, ActsInOneAndInThreeDimensions) {
  expect_standardized<Conv1d>({4, 2, 9});
  expect_standardized<Conv3d>({4, 2, 5, 5, 5});
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
