#include "algorithms/stochastic_depth.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
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
using testing::IsExactly;
using testing::surgery_golden;
using testing::surgery_net;
using Method = StochasticDepthOptions::Method;

TEST(BlockDropRate, GrowsToTheRateOrIsTheSame) {
  EXPECT_DOUBLE_EQ(block_drop_rate(0, 4, 0.6, /*linear=*/true), 0.15);
  EXPECT_DOUBLE_EQ(block_drop_rate(3, 4, 0.6, /*linear=*/true), 0.6);
  EXPECT_DOUBLE_EQ(block_drop_rate(0, 4, 0.6, /*linear=*/false), 0.6);
}

TEST(StochasticBlocksTest, ANetworkThatLeavesOutBlocksGivesComposersValues) {
  for (const bool linear : {true, false}) {
    const auto net = surgery_net();
    StochasticBlocks blocks = StochasticBlocks::of(*net);
    ASSERT_EQ(blocks.size(), 4u);
    blocks.set_drop_rate(0.6, linear);
    const at::Tensor kept = surgery_golden("depth/kept").to(at::kFloat);
    for (size_t i = 0; i < 4; ++i) blocks[i].keep = kept.narrow(0, static_cast<int64_t>(i), 1);
    expect_golden_net(*net, linear ? "depth_block_linear" : "depth_block_uniform");
  }
}

TEST(StochasticBlocksTest, ANetworkThatLeavesOutSamplesGivesComposersValues) {
  const auto net = surgery_net();
  StochasticBlocks blocks = StochasticBlocks::of(*net);
  blocks.set_drop_rate(0.6, /*linear=*/true);
  const at::Tensor draws = surgery_golden("depth/draws");
  for (size_t i = 0; i < 4; ++i) {
    blocks[i].keep =
        draws[static_cast<int64_t>(i)].ge(blocks[i].drop_rate).to(at::kFloat).view({-1, 1, 1, 1});
  }
  expect_golden_net(*net, "depth_sample_linear");
}

TEST(StochasticBlocksTest, LeavesOutAsOftenAsItsRateSays) {
  const auto net = surgery_net();
  StochasticBlocks blocks = StochasticBlocks::of(*net);
  blocks.set_drop_rate(0.4, /*linear=*/true);
  const at::Generator generator = at::detail::createCPUGenerator(5);
  at::Tensor kept = at::zeros({4});
  constexpr int kDraws = 4000;
  for (int draw = 0; draw < kDraws; ++draw) {
    blocks.draw_blocks(generator);
    for (int64_t i = 0; i < 4; ++i) kept[i] += blocks[static_cast<size_t>(i)].keep[0];
  }
  EXPECT_TRUE(at::allclose(kept / kDraws, at::tensor({0.9, 0.8, 0.7, 0.6}, at::kFloat), 0, 0.03));
  blocks.draw_samples(kDraws, generator, at::kCPU);
  EXPECT_EQ(blocks[3].keep.sizes(), at::IntArrayRef({kDraws, 1, 1, 1}));
  EXPECT_NEAR(blocks[3].keep.mean().item<double>(), 0.6, 0.03);
}

TEST(StochasticBlocksTest, ABlockThatIsLeftOutIsNotTrained) {
  const auto net = surgery_net();
  StochasticBlocks blocks = StochasticBlocks::of(*net);
  for (size_t i = 0; i < 4; ++i) blocks[i].keep = at::full({1}, i == 2 ? 0.0 : 1.0);
  net->logits(at::randn({2, 3, 8, 8})).sum().backward();
  const auto parameters = net->named_parameters();
  EXPECT_FALSE(parameters["layer2.0.conv1.weight"].grad().defined());
  EXPECT_TRUE(parameters["layer2.0.downsample.0.weight"].grad().defined());
  EXPECT_TRUE(parameters["layer2.1.conv1.weight"].grad().defined());
}

TEST(StochasticBlocksTest, DrawsForAnotherBatchAreRefused) {
  const auto net = surgery_net();
  StochasticBlocks::of(*net).draw_samples(3, at::detail::createCPUGenerator(5), at::kCPU);
  EXPECT_THROW(net->logits(at::randn({2, 3, 8, 8})), c10::ValueError);
}

TEST(StochasticBlocksTest, ASecondApplicationTakesTheSums) {
  const auto net = surgery_net();
  StochasticBlocks first = StochasticBlocks::of(*net), second = StochasticBlocks::of(*net);
  EXPECT_EQ(&first[0], &second[0]);
}

class StochasticDepthTest : public ::testing::Test {
 protected:
  StochasticDepthTest() {
    state_.model = net_;
    state_.max_duration = Time::batches(10);
    state_.batch = {{"input", at::randn({5, 3, 8, 8})}};
  }
  StochasticSum& last() {
    sums_ = StochasticBlocks::of(*net_);
    return sums_[3];
  }

  const std::shared_ptr<ResNet> net_ = surgery_net();
  State state_;
  Logger logger_;
  StochasticBlocks sums_;
};

TEST_F(StochasticDepthTest, DrawsForEachMicrobatchAndAgainTheSameForTheSame) {
  StochasticDepth algorithm({.method = Method::kSample, .drop_rate = 0.5, .linear = false});
  algorithm.apply(Event::kInit, state_, logger_);
  EXPECT_EQ(last().drop_rate, 0.5);
  algorithm.apply(Event::kBeforeForward, state_, logger_);
  const at::Tensor first = last().keep;
  EXPECT_EQ(first.size(0), 5);
  ++state_.microbatch;
  algorithm.apply(Event::kBeforeForward, state_, logger_);
  const at::Tensor second = last().keep;
  EXPECT_FALSE(at::equal(first, second));
  state_.microbatch = 0;
  ++state_.evaluation;
  algorithm.apply(Event::kBeforeForward, state_, logger_);
  EXPECT_THAT(last().keep, IsExactly(first));
}

TEST_F(StochasticDepthTest, TheWarmupReachesTheRateAndStaysThere) {
  StochasticDepth algorithm({.drop_rate = 0.4, .drop_warmup = 0.5});
  algorithm.apply(Event::kInit, state_, logger_);
  ASSERT_TRUE(algorithm.match(Event::kBatchStart, state_));
  for (const auto& [batch, rate] : {std::pair(0, 0.0), {2, 0.16}, {5, 0.4}, {9, 0.4}}) {
    state_.timestamp.batch = batch;
    algorithm.apply(Event::kBatchStart, state_, logger_);
    EXPECT_NEAR(last().drop_rate, rate, 1e-12) << batch;
  }
}

TEST_F(StochasticDepthTest, ItsStateIsTheRateOfTheWarmup) {
  StochasticDepth algorithm({.drop_rate = 0.4, .drop_warmup = 0.5});
  algorithm.apply(Event::kInit, state_, logger_);
  state_.timestamp.batch = 2;
  algorithm.apply(Event::kBatchStart, state_, logger_);
  StochasticDepth resumed({.drop_rate = 0.4, .drop_warmup = 0.5});
  resumed.apply(Event::kInit, state_, logger_);
  EXPECT_EQ(last().drop_rate, 0.4);
  ASSERT_TRUE(resumed.load_state_dict(algorithm.state_dict()).ok());
  EXPECT_NEAR(last().drop_rate, 0.16, 1e-12);
  EXPECT_FALSE(resumed.load_state_dict({}).ok());
}

TEST_F(StochasticDepthTest, AModelWithoutBlocksIsAWarningOrAnError) {
  state_.model = std::make_shared<testing::TinyModel>();
  StochasticDepth algorithm;
  algorithm.apply(Event::kInit, state_, logger_);
  algorithm.apply(Event::kBeforeForward, state_, logger_);
  StochasticDepth required({}, /*must_match=*/true);
  EXPECT_THROW(required.apply(Event::kInit, state_, logger_), c10::ValueError);
}

TEST_F(StochasticDepthTest, RefusesSettingsByTheirField) {
  const auto field = [](const StochasticDepthOptions& options) {
    config::StochasticDepth config;
    config.set_drop_rate(options.drop_rate);
    config.set_drop_warmup(options.drop_warmup);
    config.set_stochastic_method(options.method == Method::kSample
                                     ? config::StochasticDepth::SAMPLE
                                     : config::StochasticDepth::BLOCK);
    return field_of(StochasticDepth::create(config).status());
  };
  EXPECT_EQ(field({.drop_rate = 1.5}), "drop_rate");
  EXPECT_EQ(field({.drop_warmup = -1}), "drop_warmup");
  EXPECT_EQ(field({.method = Method::kSample, .drop_warmup = 0.5}), "drop_warmup");
  EXPECT_TRUE(StochasticDepth::create({}).ok());
}

}  // namespace
}  // namespace composer
