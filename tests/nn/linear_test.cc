#include "composer/nn/linear.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <string>
#include <vector>

#include "composer/nn/layer.h"

namespace composer {
namespace {

struct Case {
  const char* name;
  std::vector<int64_t> input;
  at::ScalarType type;
  bool transposed_input = false;
};

class LinearTest : public testing::TestWithParam<Case> {
 protected:
  LinearTest() { at::manual_seed(3); }

  // A leaf each time.
  at::Tensor input() const {
    const Case& c = GetParam();
    at::Tensor values = at::randn(c.input, c.type);
    if (c.transposed_input) values = values.transpose(0, 1).contiguous().transpose(0, 1);
    return values.requires_grad_();
  }
};

at::Tensor leaf(at::IntArrayRef shape, at::ScalarType type) {
  return at::randn(shape, type).requires_grad_();
}

TEST_P(LinearTest, AsLibTorchToTheBit) {
  const at::ScalarType type = GetParam().type;
  const at::Tensor x = input(), weight = leaf({3, 5}, type), bias = leaf({3}, type);
  const at::Tensor ours = linear(x, weight, bias), theirs = at::linear(x, weight, bias);
  EXPECT_TRUE(at::equal(ours, theirs));
  EXPECT_EQ(ours.strides(), theirs.strides());
  const at::Tensor gradient = at::randn(ours.sizes(), type);
  const auto our_gradients = torch::autograd::grad({ours}, {x, weight, bias}, {gradient});
  const auto their_gradients = torch::autograd::grad({theirs}, {x, weight, bias}, {gradient});
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::equal(our_gradients[i], their_gradients[i])) << "gradient " << i;
    EXPECT_EQ(our_gradients[i].strides(), their_gradients[i].strides()) << "gradient " << i;
  }
}

TEST_P(LinearTest, AnExpandedGradientIsTaken) {
  const at::ScalarType type = GetParam().type;
  const at::Tensor x = input(), weight = leaf({3, 5}, type), bias = leaf({3}, type);
  const auto ours = torch::autograd::grad({linear(x, weight, bias).sum()}, {x, weight, bias});
  const auto theirs = torch::autograd::grad({at::linear(x, weight, bias).sum()}, {x, weight, bias});
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(at::equal(ours[i], theirs[i])) << "gradient " << i;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, LinearTest,
    testing::Values(Case{"matrix", {4, 5}, at::kFloat}, Case{"doubles", {4, 5}, at::kDouble},
                    Case{"bfloat16", {4, 5}, at::kBFloat16}, Case{"one_row", {1, 5}, at::kFloat},
                    Case{"sequences", {2, 7, 5}, at::kFloat},
                    Case{"images", {2, 3, 2, 5}, at::kFloat}, Case{"vector", {5}, at::kFloat},
                    Case{"no_rows", {0, 5}, at::kFloat},
                    Case{"transposed", {4, 5}, at::kFloat, true},
                    Case{"transposed_sequences", {2, 7, 5}, at::kFloat, true}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Linear, HasOneNode) {
  const at::Tensor x = leaf({2, 3, 5}, at::kFloat), weight = leaf({4, 5}, at::kFloat),
                   bias = leaf({4}, at::kFloat);
  const auto node = linear(x, weight, bias).grad_fn();
  EXPECT_EQ(node->name(), "LinearBackward");
  ASSERT_EQ(node->num_outputs(), 3);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(node->next_edge(i).function->next_edges().size(), 0);
}

TEST(Linear, CanBeDifferentiatedTwice) {
  const at::Tensor x = leaf({4, 5}, at::kDouble), weight = leaf({3, 5}, at::kDouble),
                   bias = leaf({3}, at::kDouble);
  std::vector<at::Tensor> of_weight;
  for (const bool ours : {true, false}) {
    const at::Tensor y = ours ? linear(x, weight, bias) : at::linear(x, weight, bias);
    const auto first = torch::autograd::grad({y.tanh().sum()}, {x}, {}, /*retain_graph=*/true,
                                             /*create_graph=*/true);
    of_weight.push_back(torch::autograd::grad({first[0].square().sum()}, {weight})[0]);
  }
  EXPECT_TRUE(at::equal(of_weight[0], of_weight[1]));
}

TEST(Linear, OnlyWhatIsAskedForIsComputed) {
  const at::Tensor x = at::randn({4, 5}), weight = leaf({3, 5}, at::kFloat), bias = at::randn({3});
  linear(x, weight, bias).sum().backward();
  EXPECT_TRUE(weight.grad().defined());
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(bias.grad().defined());
  const at::Tensor frozen = at::randn({3, 5});
  EXPECT_FALSE(linear(x, frozen, bias).requires_grad());
}

TEST(Linear, AWeightChangedBeforeBackwardIsAnError) {
  const at::Tensor x = leaf({4, 5}, at::kFloat), weight = leaf({3, 5}, at::kFloat),
                   bias = leaf({3}, at::kFloat);
  const at::Tensor loss = linear(x, weight, bias).sum();
  {
    const at::NoGradGuard no_grad;
    at::Tensor(weight).add_(1);
  }
  EXPECT_THROW(loss.backward(), c10::Error);
}

TEST(Linear, ASecondBackwardIsAnError) {
  const at::Tensor x = leaf({4, 5}, at::kFloat), weight = leaf({3, 5}, at::kFloat),
                   bias = leaf({3}, at::kFloat);
  const at::Tensor loss = linear(x, weight, bias).sum();
  loss.backward();
  EXPECT_THROW(loss.backward(), c10::Error);
}

TEST(Linear, AutocastComputesInHalfPrecision) {
  const at::Tensor x = leaf({4, 5}, at::kFloat), weight = leaf({3, 5}, at::kFloat),
                   bias = leaf({3}, at::kFloat);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::ScalarType type = linear(x, weight, bias).scalar_type();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  EXPECT_EQ(type, at::kBFloat16);
}

TEST(Linear, ALayerKeepsItsNamesAndItsOptions) {
  const auto layer = make_layer<LinearImpl>(torch::nn::LinearOptions(5, 3).bias(false));
  EXPECT_EQ(layer->named_parameters().keys(), std::vector<std::string>{"weight"});
  const at::Tensor x = at::randn({4, 5});
  EXPECT_TRUE(at::equal(layer->forward(x), at::linear(x, layer->weight)));
  EXPECT_NE(dynamic_cast<torch::nn::LinearImpl*>(layer.get()), nullptr);
}

}  // namespace
}  // namespace composer
