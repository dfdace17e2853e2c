#include "algorithms/ghost_batch_norm.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>

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

template <typename Impl>
std::shared_ptr<LayerSequence> norm_layer(const torch::nn::BatchNormOptions& options) {
  auto layers = std::make_shared<LayerSequence>();
  layers->push_back(make_layer<Impl>(options));
  return layers;
}

class GhostBatchNormLayer
    : public ::testing::TestWithParam<std::tuple<int64_t, int64_t, at::MemoryFormat>> {};

TEST_P(GhostBatchNormLayer, GivesComposersValuesGradientsAndStatistics) {
  const auto [batch, size, format] = GetParam();
  const std::string name = "ghost/" + std::to_string(batch) + "/" + std::to_string(size) + "/";
  const auto layers = norm_layer<torch::nn::BatchNorm2dImpl>(torch::nn::BatchNormOptions(3));
  {
    const at::NoGradGuard no_grad;
    for (const auto& item : layers->named_parameters()) {
      item.value().copy_(surgery_golden(name + "before/" + item.key().substr(2)));
    }
    for (const auto& item : layers->named_buffers()) {
      item.value().copy_(surgery_golden(name + "before/" + item.key().substr(2)));
    }
  }
  ASSERT_EQ(apply_ghost_batch_norm(*layers, size).size(), 1u);
  for (const std::string step : {"0", "1"}) {
    const at::Tensor input =
        surgery_golden(name + "input/" + step).contiguous(format).requires_grad_();
    const at::Tensor output = layers->forward(input);
    EXPECT_THAT(output, IsNear(surgery_golden(name + "output/" + step), 2e-6));
    EXPECT_TRUE(output.is_contiguous(format));
    output.pow(3).sum().backward();
    EXPECT_THAT(input.grad(), IsNear(surgery_golden(name + "gradient/" + step), 1e-5));
  }
  EXPECT_THAT(layers->named_parameters()["0.weight"].grad(),
              IsNear(surgery_golden(name + "gradient/weight"), 1e-3));
  EXPECT_THAT(layers->named_parameters()["0.bias"].grad(),
              IsNear(surgery_golden(name + "gradient/bias"), 1e-3));
  for (const auto& item : layers->named_buffers()) {
    EXPECT_THAT(item.value(), IsNear(surgery_golden(name + "after/" + item.key().substr(2)), 1e-6))
        << item.key();
  }
  layers->eval();
  EXPECT_THAT(layers->forward(surgery_golden(name + "input/1")),
              IsNear(surgery_golden(name + "evaluation"), 2e-6));
}

INSTANTIATE_TEST_SUITE_P(
    Batches, GhostBatchNormLayer, ::testing::ValuesIn([] {
      std::vector<std::tuple<int64_t, int64_t, at::MemoryFormat>> cases;
      for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
        for (const auto& [batch, size] :
             std::vector<std::pair<int64_t, int64_t>>{{8, 4}, {9, 4}, {7, 3}, {5, 5}}) {
          cases.emplace_back(batch, size, format);
        }
      }
      return cases;
    }()));

TEST(ApplyGhostBatchNorm, ANetworkGivesComposersValues) {
  const auto net = surgery_net();
  EXPECT_EQ(apply_ghost_batch_norm(*net, 4).size(), 15u);
  expect_golden_net(*net, "ghost_batch_norm");
  EXPECT_TRUE(apply_ghost_batch_norm(*net, 4).empty());
}

TEST(ApplyGhostBatchNorm, ParametersAndBuffersStayWhatTheyAreAndAreCalled) {
  const auto net = surgery_net();
  const auto before = net->named_parameters(), buffers = net->named_buffers();
  apply_ghost_batch_norm(*net, 4);
  ASSERT_EQ(net->named_parameters().keys(), before.keys());
  ASSERT_EQ(net->named_buffers().keys(), buffers.keys());
  for (const auto& item : before) {
    EXPECT_TRUE(net->named_parameters()[item.key()].is_same(item.value()));
  }
}

// One part after the other.
TEST(ApplyGhostBatchNorm, NormalisesOneAndThreeDimensionsWithoutScaleOrStatistics) {
  const auto expect_parts = [](const auto& layers, const at::Tensor& input) {
    apply_ghost_batch_norm(*layers, 2);
    const at::Tensor output = layers->forward(input);
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : input.chunk(3)) {
      parts.push_back(at::batch_norm(part, {}, {}, {}, {}, /*training=*/true, 0, 1e-5, false));
    }
    EXPECT_THAT(output, IsNear(at::cat(parts), 1e-5));
  };
  const auto options = torch::nn::BatchNormOptions(3).affine(false).track_running_stats(false);
  expect_parts(norm_layer<torch::nn::BatchNorm1dImpl>(options), at::randn({6, 3}));
  expect_parts(norm_layer<torch::nn::BatchNorm1dImpl>(options), at::randn({6, 3, 5}));
  expect_parts(norm_layer<torch::nn::BatchNorm3dImpl>(options), at::randn({6, 3, 2, 3, 2}));
  expect_parts(norm_layer<torch::nn::BatchNorm3dImpl>(options),
               at::randn({6, 3, 2, 3, 2}).contiguous(at::MemoryFormat::ChannelsLast3d));
}

// In double: the values themselves are some 1e-6 from one another, with any order of sums.
TEST(GhostBatchNormFunction, LargePartsAreNormalisedAsOneAfterTheOther) {
  at::set_num_threads(1);
  for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
    // Three parts of 8,192 values and one of half as many.
    const at::Tensor input = (at::randn({14, 8, 16, 16}) * 2 + 1).contiguous(format);
    const at::Tensor weight = at::rand({8}), bias = at::rand({8});
    const RunningStatistics running{.mean = at::zeros({8}), .var = at::ones({8})};
    const at::Tensor output = ghost_batch_norm(input, 4, weight, bias, running, 0.1, 1e-5);
    EXPECT_TRUE(output.is_contiguous(format));

    const at::Tensor mean = at::zeros({8}, at::kDouble), var = at::ones({8}, at::kDouble);
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : input.to(at::kDouble).split(4)) {
      parts.push_back(at::batch_norm(part, weight.to(at::kDouble), bias.to(at::kDouble), mean, var,
                                     /*training=*/true, 0.1, 1e-5, /*cudnn_enabled=*/false));
    }
    EXPECT_THAT(output, IsNear(at::cat(parts).to(at::kFloat), 1e-6));
    EXPECT_THAT(running.mean, IsNear(mean.to(at::kFloat), 1e-6));
    EXPECT_THAT(running.var, IsNear(var.to(at::kFloat), 1e-6));
  }
}

TEST(ApplyGhostBatchNorm, WithoutAMomentumStatisticsAreTheMeanOfAllParts) {
  const auto options = torch::nn::BatchNormOptions(3).momentum(std::nullopt);
  const auto layers = norm_layer<torch::nn::BatchNorm2dImpl>(options);
  apply_ghost_batch_norm(*layers, 2);
  std::vector<at::Tensor> means, vars;
  for (int step = 0; step < 3; ++step) {
    const at::Tensor input = at::randn({4, 3, 2, 2}) + step;
    layers->forward(input);
    for (const at::Tensor& part : input.chunk(2)) {
      means.push_back(part.mean({0, 2, 3}));
      vars.push_back(part.var({0, 2, 3}));
    }
  }
  const auto buffers = layers->named_buffers();
  EXPECT_THAT(buffers["0.running_mean"], IsNear(at::stack(means).mean(0), 1e-6));
  EXPECT_THAT(buffers["0.running_var"], IsNear(at::stack(vars).mean(0), 1e-6));
  EXPECT_EQ(buffers["0.num_batches_tracked"].item<int64_t>(), 6);
}

TEST(ApplyGhostBatchNorm, SmallBatchesAreRefusedInTrainingOnly) {
  const auto layers = norm_layer<torch::nn::BatchNorm2dImpl>(torch::nn::BatchNormOptions(3));
  apply_ghost_batch_norm(*layers, 4);
  try {
    layers->forward(at::randn({3, 3, 2, 2}));
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("Worker batch size 3 < ghost_batch_size 4"));
  }
  layers->eval();
  EXPECT_EQ(layers->forward(at::randn({3, 3, 2, 2})).size(0), 3);
}

TEST(GhostBatchNormFunction, RefusesWhatCannotBeCutOrNormalised) {
  EXPECT_THROW(ghost_batch_norm(at::zeros({4, 3}), 5, {}, {}, {}, 0.1, 1e-5), c10::ValueError);
  EXPECT_THROW(ghost_batch_norm(at::zeros({4, 3}), 4, {}, {}, {}, 0.1, 1e-5), c10::ValueError);
}

TEST(GhostBatchNormFunction, OnePartIsPlainBatchNorm) {
  const at::Tensor input = at::randn({4, 3, 2}), mean = at::randn({3}), var = at::ones({3});
  const at::Tensor own_mean = mean.clone(), own_var = var.clone();
  const at::Tensor expected =
      at::batch_norm(input, {}, {}, own_mean, own_var, /*training=*/true, 0.2, 1e-5, false);
  EXPECT_THAT(ghost_batch_norm(input, 1, {}, {}, {mean, var}, 0.2, 1e-5), IsNear(expected, 1e-6));
  EXPECT_THAT(mean, IsNear(own_mean, 1e-6));
  EXPECT_THAT(var, IsNear(own_var, 1e-6));
}

TEST(GhostBatchNormTest, ChangesTheModelAtInitOrSaysThatItCannot) {
  State state;
  state.model = surgery_net();
  Logger logger;
  GhostBatchNorm algorithm(4, /*must_match=*/true);
  ASSERT_TRUE(algorithm.match(Event::kInit, state));
  algorithm.apply(Event::kInit, state, logger);
  EXPECT_TRUE(apply_ghost_batch_norm(*state.model).empty());
  state.model = std::make_shared<testing::TinyModel>();
  EXPECT_THROW(algorithm.apply(Event::kInit, state, logger), c10::ValueError);
  GhostBatchNorm().apply(Event::kInit, state, logger);
}

TEST(GhostBatchNormTest, RefusesASizeOfNothing) {
  config::GhostBatchNorm config;
  EXPECT_TRUE(GhostBatchNorm::create(config).ok());
  config.set_ghost_batch_size(0);
  EXPECT_EQ(field_of(GhostBatchNorm::create(config).status()), "ghost_batch_size");
}

}  // namespace
}  // namespace composer
