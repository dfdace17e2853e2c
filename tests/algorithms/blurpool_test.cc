#include "algorithms/blurpool.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/pooling.h>

#include "algorithms/weight_standardization.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/algorithms/surgery_net.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::expect_golden_net;
using ::testing::HasSubstr;
using testing::IsNear;
using testing::surgery_golden;
using testing::surgery_net;

TEST(Blur2d, GivesComposersValues) {
  const at::Tensor input = surgery_golden("blur/input");
  EXPECT_THAT(blur_2d(input), IsNear(surgery_golden("blur/1"), 1e-6));
  EXPECT_THAT(blur_2d(input, 2), IsNear(surgery_golden("blur/2"), 1e-6));
  EXPECT_THAT(blur_2d(input.contiguous(at::MemoryFormat::ChannelsLast), 2),
              IsNear(surgery_golden("blur/2"), 1e-6));
  EXPECT_THROW(blur_2d(at::zeros({3, 4})), c10::ValueError);
}

TEST(ApplyBlurpool, LayersGiveComposersValues) {
  const at::Tensor input = surgery_golden("blur/input");
  LayerSequence pool;
  pool.push_back(
      make_layer<torch::nn::MaxPool2dImpl>(torch::nn::MaxPool2dOptions(3).stride(2).padding(1)));
  ASSERT_EQ(apply_blurpool(pool).size(), 1u);
  EXPECT_THAT(pool.forward(input), IsNear(surgery_golden("blur/maxpool"), 1e-6));
  for (const bool first : {true, false}) {
    LayerSequence layers;
    layers.push_back(
        make_layer<torch::nn::Conv2dImpl>(torch::nn::Conv2dOptions(3, 4, 3).stride(2).padding(1)));
    {
      const at::NoGradGuard no_grad;
      layers.named_parameters()["0.weight"].copy_(surgery_golden("blur/conv/weight"));
      layers.named_parameters()["0.bias"].copy_(surgery_golden("blur/conv/bias"));
    }
    ASSERT_EQ(apply_blurpool(layers, {.blur_first = first, .min_channels = 3}).size(), 1u);
    EXPECT_THAT(layers.forward(input),
                IsNear(surgery_golden(first ? "blur/conv/first" : "blur/conv/last"), 1e-5));
  }
}

TEST(ApplyBlurpool, ANetworkGivesComposersValues) {
  const auto net = surgery_net(/*large_images=*/true);
  const auto replaced = apply_blurpool(*net, {.min_channels = 3});
  expect_golden_net(*net, "blurpool");
  ASSERT_EQ(replaced.size(), 4u);
  EXPECT_EQ(replaced[0].name, "conv1");
  EXPECT_EQ(replaced[0].to, "BlurConv2d");
  EXPECT_EQ(replaced[1].name, "maxpool");
  EXPECT_EQ(replaced[1].to, "BlurMaxPool2d");
  const auto last = surgery_net();
  apply_blurpool(*last, {.replace_maxpools = false, .blur_first = false});
  expect_golden_net(*last, "blurpool_last");
}

TEST(ApplyBlurpool, ParametersStayWhatTheyAreAndAreCalled) {
  const auto net = surgery_net();
  const auto before = net->named_parameters();
  apply_blurpool(*net, {.min_channels = 3});
  const auto after = net->named_parameters();
  ASSERT_EQ(after.keys(), before.keys());
  for (const auto& item : before) EXPECT_TRUE(after[item.key()].is_same(item.value()));
  EXPECT_EQ(net->named_buffers().size(), surgery_net()->named_buffers().size());
}

TEST(ApplyBlurpool, ReplacesWhatItsSettingsSay) {
  const auto count = [](const BlurPoolOptions& options) {
    return apply_blurpool(*surgery_net(/*large_images=*/true), options).size();
  };
  EXPECT_EQ(count({.replace_convs = false}), 1u);
  EXPECT_EQ(count({.replace_maxpools = false}), 1u);  // one of 16 channels, one of 8, one of 3
  EXPECT_EQ(count({.replace_maxpools = false, .min_channels = 8}), 2u);
}

TEST(ApplyBlurpool, ASecondApplicationChangesNothingAlsoBehindAnotherMethod) {
  const auto net = surgery_net(/*large_images=*/true);
  apply_blurpool(*net, {.min_channels = 3});
  EXPECT_TRUE(apply_blurpool(*net, {.min_channels = 3}).empty());
  EXPECT_FALSE(apply_weight_standardization(*net).empty());
  EXPECT_TRUE(apply_blurpool(*net, {.min_channels = 3}).empty());
  EXPECT_TRUE(apply_weight_standardization(*net).empty());
}

TEST(ApplyBlurpool, GoesWithWeightStandardizationInEitherOrder) {
  const at::Tensor images = at::randn({2, 3, 8, 8});
  const auto logits = [&](bool blur_first) {
    const auto net = surgery_net();
    net->eval();
    if (blur_first) apply_blurpool(*net);
    apply_weight_standardization(*net);
    if (!blur_first) apply_blurpool(*net);
    return net->logits(images);
  };
  const at::Tensor expected = logits(true);
  EXPECT_TRUE(at::allclose(logits(false), expected));
  const auto blurred = surgery_net();
  apply_blurpool(*blurred);
  blurred->eval();
  EXPECT_FALSE(at::allclose(blurred->logits(images), expected));
  const auto standardized = surgery_net();
  apply_weight_standardization(*standardized);
  EXPECT_THROW(apply_blurpool(*standardized, {.blur_first = false}), c10::NotImplementedError);
}

TEST(BlurPoolTest, ChangesTheModelAtInit) {
  State state;
  state.model = surgery_net();
  Logger logger;
  BlurPool algorithm({}, /*must_match=*/true);
  ASSERT_TRUE(algorithm.match(Event::kInit, state));
  EXPECT_FALSE(algorithm.match(Event::kBatchStart, state));
  algorithm.apply(Event::kInit, state, logger);
  EXPECT_TRUE(apply_blurpool(*state.model).empty());
}

TEST(BlurPoolTest, AModelWithoutSuchLayersIsAWarningOrAnError) {
  State state;
  state.model = std::make_shared<testing::TinyModel>();
  Logger logger;
  BlurPool().apply(Event::kInit, state, logger);
  BlurPool algorithm({}, /*must_match=*/true);
  try {
    algorithm.apply(Event::kInit, state, logger);
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("BlurPool has no effect: the model has no strided convolutions"));
  }
}

TEST(BlurPoolTest, ReadsItsConfigAndRefusesOneThatDoesNothing) {
  config::BlurPool config;
  config.set_replace_convs(false);
  EXPECT_TRUE(BlurPool::create(config).ok());
  config.set_replace_maxpools(false);
  EXPECT_EQ(field_of(BlurPool::create(config).status()), "replace_convs");
  config::BlurPool negative;
  negative.set_min_channels(-1);
  EXPECT_EQ(field_of(BlurPool::create(negative).status()), "min_channels");
}

}  // namespace
}  // namespace composer
