#include "composer/nn/ghost_norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <string>
#include <tuple>
#include <vector>

namespace composer {
namespace {

using torch::autograd::grad;

constexpr double kEps = 1e-5;

// One part after the other.
at::Tensor slow_norm(const at::Tensor& input, int64_t part_size, const at::Tensor& weight,
                     const at::Tensor& bias) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : input.split(part_size)) {
    parts.push_back(at::batch_norm(part, weight, bias, {}, {}, /*training=*/true, /*momentum=*/0,
                                   kEps, /*cudnn_enabled=*/false));
  }
  return at::cat(parts);
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

struct Shape {
  std::vector<int64_t> sizes;
  at::MemoryFormat format = at::MemoryFormat::Contiguous;
};

class GhostNorm : public ::testing::TestWithParam<std::tuple<Shape, at::ScalarType>> {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    at::manual_seed(7);
  }

  at::Tensor input() const {
    const auto& [shape, type] = GetParam();
    return (at::randn(shape.sizes) * 2 + 3).to(type).contiguous(shape.format).requires_grad_();
  }
};

// All computed in double from what the kernel was given.
TEST_P(GhostNorm, GivesValuesStatisticsAndGradientsOfPartsOneByOne) {
  const at::Tensor x = input();
  const auto computed = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const double rounding = x.scalar_type() == at::kDouble  ? 1e-12
                          : x.scalar_type() == at::kFloat ? 4e-6
                                                          : 2e-2;
  for (const bool affine : {true, false}) {
    at::Tensor weight, bias;
    std::vector<at::Tensor> inputs = {x}, doubles = {x.detach().to(at::kDouble).requires_grad_()};
    if (affine) {
      weight = at::rand({x.size(1)}, computed).requires_grad_();
      bias = at::rand({x.size(1)}, computed).requires_grad_();
      for (const at::Tensor& t : {weight, bias}) {
        inputs.push_back(t);
        doubles.push_back(t.detach().to(at::kDouble).requires_grad_());
      }
    }
    ASSERT_TRUE(has_ghost_norm_on_cpu(x, weight, bias));
    const GhostNormalised made = ghost_norm_on_cpu(x, 3, weight, bias, kEps);
    const at::Tensor expected = slow_norm(doubles[0], 3, affine ? doubles[1] : at::Tensor(),
                                          affine ? doubles[2] : at::Tensor());
    EXPECT_EQ(made.output.scalar_type(), x.scalar_type());
    EXPECT_EQ(made.output.strides(), x.strides());
    EXPECT_LT(distance(made.output, expected), rounding);

    std::vector<int64_t> but_channels = {0};
    for (int64_t dim = 2; dim < x.dim(); ++dim) but_channels.push_back(dim);
    std::vector<at::Tensor> means, vars;
    for (const at::Tensor& part : doubles[0].detach().split(3)) {
      means.push_back(part.mean(but_channels));
      vars.push_back(part.var(but_channels));
    }
    EXPECT_EQ(made.mean.scalar_type(), computed);
    EXPECT_FALSE(made.var.requires_grad());
    EXPECT_LT(distance(made.mean, at::stack(means)), computed == at::kDouble ? 1e-12 : 1e-6);
    EXPECT_LT(distance(made.var, at::stack(vars)), computed == at::kDouble ? 1e-12 : 5e-6);

    const at::Tensor slope = at::randn(x.sizes()).to(x.scalar_type());
    const auto gradients = grad({made.output}, inputs, {slope});
    const auto slow = grad({expected}, doubles, {slope.to(at::kDouble)});
    for (size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_EQ(gradients[i].scalar_type(), inputs[i].scalar_type());
      EXPECT_LT(distance(gradients[i], slow[i]),
                rounding * (1 + slow[i].abs().max().item<double>()))
          << i;
    }
  }
}

TEST_P(GhostNorm, BitsDoNotGoByTheNumberOfThreads) {
  const at::Tensor x = input();
  const at::Tensor weight = at::rand({x.size(1)}).to(x.scalar_type()).requires_grad_();
  const at::Tensor slope = at::randn(x.sizes()).to(x.scalar_type());
  std::vector<std::vector<at::Tensor>> all;
  for (const int threads : {1, 2, 5}) {
    at::set_num_threads(threads);
    const GhostNormalised made = ghost_norm_on_cpu(x, 3, weight, {}, kEps);
    const auto gradients = grad({made.output}, {x, weight}, {slope});
    all.push_back({made.output, made.mean, made.var, gradients[0], gradients[1]});
  }
  at::set_num_threads(1);
  for (size_t i = 0; i < all[0].size(); ++i) {
    EXPECT_TRUE(at::equal(all[0][i], all[1][i])) << i;
    EXPECT_TRUE(at::equal(all[0][i], all[2][i])) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, GhostNorm,
    ::testing::Combine(::testing::Values(Shape{{8, 5}}, Shape{{6, 3, 7}}, Shape{{8, 16, 2, 1}},
                                         Shape{{8, 3, 33, 17}}, Shape{{5, 300, 2, 2}},
                                         Shape{{8, 3, 33, 17}, at::MemoryFormat::ChannelsLast},
                                         Shape{{8, 16, 40, 40}, at::MemoryFormat::ChannelsLast},
                                         Shape{{5, 300, 5, 2}, at::MemoryFormat::ChannelsLast},
                                         Shape{{6, 3, 2, 3, 4}, at::MemoryFormat::ChannelsLast3d}),
                       ::testing::Values(at::kFloat, at::kDouble, at::kBFloat16, at::kHalf)));

TEST(GhostNormTest, GradientsHaveGradients) {
  at::manual_seed(3);
  const at::Tensor x = at::randn({5, 3, 4}, at::kDouble).requires_grad_();
  const at::Tensor weight = at::randn({3}, at::kDouble).requires_grad_();
  const at::Tensor bias = at::randn({3}, at::kDouble).requires_grad_();
  const auto second = [&](const at::Tensor& output) {
    const auto first = grad({output.pow(3).sum()}, {x, weight, bias}, {}, /*retain_graph=*/true,
                            /*create_graph=*/true);
    at::Tensor sum = first[0].square().sum() + first[1].square().sum() + first[2].square().sum();
    return grad({sum}, {x, weight, bias});
  };
  const auto made = second(ghost_norm_on_cpu(x, 2, weight, bias, 0.1).output);
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : x.split(2)) {
    parts.push_back(at::batch_norm(part, weight, bias, {}, {}, /*training=*/true, /*momentum=*/0,
                                   /*eps=*/0.1, /*cudnn_enabled=*/false));
  }
  const auto slow = second(at::cat(parts));
  for (size_t i = 0; i < slow.size(); ++i) {
    EXPECT_LT(distance(made[i], slow[i]), 1e-9 * (1 + slow[i].abs().max().item<double>())) << i;
  }
}

TEST(GhostNormTest, GradientsAreOfWhatAsksForThem) {
  const at::Tensor x = at::randn({4, 3, 2, 2}), weight = at::rand({3});
  const at::Tensor bias = at::rand({3}).requires_grad_();
  const at::Tensor output = ghost_norm_on_cpu(x, 2, weight, bias, kEps).output;
  EXPECT_LT(distance(grad({output.sum()}, {bias})[0], at::full({3}, 16.)), 1e-6);
  EXPECT_FALSE(ghost_norm_on_cpu(x, 2, weight, {}, kEps).output.requires_grad());
}

// A slice of the channels lies neither way.
TEST(GhostNormTest, TakesWhatIsNotDense) {
  const at::Tensor x = at::randn({4, 6, 5, 5}).slice(1, 1, 5);
  EXPECT_LT(distance(ghost_norm_on_cpu(x, 2, {}, {}, kEps).output, slow_norm(x, 2, {}, {})), 2e-6);
}

TEST(GhostNormTest, RefusesAWeightOfOtherChannels) {
  EXPECT_THROW(ghost_norm_on_cpu(at::randn({4, 3, 2}), 2, at::ones({2}), {}, kEps),
               c10::ValueError);
  EXPECT_FALSE(has_ghost_norm_on_cpu(at::ones({4, 3}), at::ones({3}, at::kDouble), {}));
}

}  // namespace
}  // namespace composer
