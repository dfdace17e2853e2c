#include "composer/nn/slot.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/linear.h>

#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"

namespace composer {
namespace {

struct Net : torch::nn::Module, SlotOwner {
  at::Tensor forward(const at::Tensor& input) { return last->forward(first->forward(input)); }
  Slot<Layer> first{*this, "first", make_layer<torch::nn::LinearImpl>(4, 8)};
  Slot<Layer> last{*this, "last", make_layer<torch::nn::LinearImpl>(8, 3)};
};

TEST(SlotTest, ChildrenHaveTheirNames) {
  Net net;
  EXPECT_TRUE(net.named_parameters().contains("first.weight"));
  EXPECT_TRUE(net.named_parameters().contains("last.bias"));
  ASSERT_EQ(net.slots().size(), 2u);
  EXPECT_EQ(net.slots()[1]->name(), "last");
  EXPECT_NE(net.slots()[0]->module()->as<torch::nn::Linear>(), nullptr);
}

TEST(SlotTest, ReplacingChangesForwardAndParametersTogether) {
  Net net;
  const at::Tensor input = at::randn({2, 4});
  ASSERT_TRUE(net.slots()[1]->replace(make_layer<torch::nn::LinearImpl>(8, 5)));
  EXPECT_EQ(net.forward(input).sizes(), at::IntArrayRef({2, 5}));
  EXPECT_EQ(net.named_parameters()["last.weight"].sizes(), at::IntArrayRef({5, 8}));
  EXPECT_EQ(net.parameters().size(), 4u);
}

TEST(SlotTest, AModuleWithoutTheInterfaceIsRefusedAndChangesNothing) {
  Net net;
  const auto before = net.slots()[0]->module();
  EXPECT_FALSE(net.slots()[0]->replace(std::make_shared<torch::nn::ReLUImpl>()));
  EXPECT_EQ(net.slots()[0]->module(), before);
  EXPECT_EQ(net.parameters().size(), 4u);
}

TEST(LayerSequenceTest, RunsItsLayersInOrderUnderPyTorchsNames) {
  LayerSequence layers;
  layers.push_back(make_layer<torch::nn::LinearImpl>(4, 8));
  layers.push_back(make_layer<torch::nn::ReLUImpl>());
  layers.push_back(make_layer<torch::nn::LinearImpl>(8, 3));
  EXPECT_TRUE(layers.named_parameters().contains("2.weight"));
  const at::Tensor input = at::randn({2, 4});
  const auto parameters = layers.named_parameters();
  const at::Tensor hidden =
      at::relu(at::linear(input, parameters["0.weight"], parameters["0.bias"]));
  EXPECT_TRUE(layers.forward(input).allclose(
      at::linear(hidden, parameters["2.weight"], parameters["2.bias"])));
  ASSERT_TRUE(layers.slots()[1]->replace(make_layer<torch::nn::TanhImpl>()));
  EXPECT_FALSE(layers.forward(input).allclose(
      at::linear(hidden, parameters["2.weight"], parameters["2.bias"])));
}

}  // namespace
}  // namespace composer
