#include "composer/nn/surgery.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>
#include <torch/optim/lbfgs.h>

#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"
#include "composer/nn/slot.h"
#include "composer/optim/adam.h"
#include "composer/optim/sgd.h"
#include "composer/optim/torch_optimizer.h"

namespace composer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Linear = LayerOf<torch::nn::LinearImpl>;

// A layer of a layer, which keeps what it was.
class Scaled final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  explicit Scaled(std::shared_ptr<Linear> inner)
      : inner_(*this, "inner", inner),
        scale(register_parameter("scale", at::full({inner->weight.size(0)}, 2.0))) {}
  at::Tensor forward(const at::Tensor& input) override { return inner_->forward(input) * scale; }

 private:
  Slot<Layer> inner_;

 public:
  at::Tensor scale;
};

LayerRule scaling() {
  return layer_rule<Linear, Scaled>(
      [](const auto& linear) { return std::make_shared<Scaled>(linear); });
}

// One without a bias, of half the width inside.
LayerRule new_linears(int64_t outputs) {
  return {.replacement = [outputs](const auto& layer,
                                   const std::string&) -> std::shared_ptr<torch::nn::Module> {
            const auto old = std::dynamic_pointer_cast<Linear>(layer);
            if (!old || old->weight.size(0) != outputs) return nullptr;
            return make_layer<torch::nn::LinearImpl>(
                torch::nn::LinearOptions(old->weight.size(1), outputs).bias(false));
          },
          .is_done =
              [](const torch::nn::Module& layer) {
                const auto* const linear = dynamic_cast<const Linear*>(&layer);
                return linear != nullptr && !linear->bias.defined();
              }};
}

struct Net : torch::nn::Module, SlotOwner {
  Net() {
    at::manual_seed(3);
    layers->push_back(make_layer<torch::nn::LinearImpl>(4, 4));
    layers->push_back(make_layer<torch::nn::ReLUImpl>());
  }
  at::Tensor forward(const at::Tensor& input) {
    return last->forward(twice->forward(layers->forward(once->forward(input))));
  }
  std::shared_ptr<Linear> shared = make_layer<torch::nn::LinearImpl>(4, 4);
  Slot<Layer> once{*this, "once", shared};
  std::shared_ptr<LayerSequence> layers{
      register_module("layers", std::make_shared<LayerSequence>())};
  Slot<Layer> twice{*this, "twice", shared};
  Slot<Layer> last{*this, "last", make_layer<torch::nn::LinearImpl>(4, 3)};
};

std::vector<std::string> names(const torch::nn::Module& module) {
  return module.named_parameters().keys();
}

std::vector<NamedParameter> parameters_of(const torch::nn::Module& module) {
  std::vector<NamedParameter> result;
  for (const auto& item : module.named_parameters()) result.push_back({item.key(), item.value()});
  return result;
}

TEST(ReplaceLayersTest, ChangesWhatForwardCallsAndSaysWhat) {
  Net net;
  const at::Tensor input = at::randn({2, 4});
  const at::Tensor before = net.last.module()->as<torch::nn::Linear>()->forward(input);
  const auto replaced = replace_layers(net, {scaling()});
  ASSERT_EQ(replaced.size(), 3u);
  EXPECT_EQ(replaced[2].name, "last");
  EXPECT_EQ(replaced[2].from, "Linear");
  EXPECT_EQ(replaced[2].to, "Scaled");
  EXPECT_EQ(replaced[2].parameters_before, 15);
  EXPECT_EQ(replaced[2].parameters_after, 18);
  EXPECT_TRUE(net.last->forward(input).equal(2 * before));
  EXPECT_TRUE(net.named_parameters().contains("last.inner.weight"));
  EXPECT_TRUE(net.named_parameters().contains("layers.0.scale"));
}

TEST(ReplaceLayersTest, ASharedLayerIsReplacedOnceEverywhere) {
  Net net;
  const auto replaced = replace_layers(net, {scaling()});
  EXPECT_EQ(replaced[0].name, "once");
  EXPECT_EQ(net.once.module(), net.twice.module());
  EXPECT_NE(net.once.module(), net.shared);
  for (const auto& replacement : replaced) EXPECT_NE(replacement.name, "twice");
}

TEST(ReplaceLayersTest, ASecondApplicationChangesNothing) {
  Net net;
  replace_layers(net, {scaling()});
  const std::vector<std::string> before = names(net);
  const auto child = net.last.module();
  EXPECT_TRUE(replace_layers(net, {scaling()}).empty());
  EXPECT_EQ(names(net), before);
  EXPECT_EQ(net.last.module(), child);
}

TEST(ReplaceLayersTest, TheFirstRuleThatHasSomethingCounts) {
  Net net;
  const auto replaced = replace_layers(net, {new_linears(3), scaling()});
  ASSERT_EQ(replaced.size(), 3u);
  EXPECT_EQ(replaced[2].to, "Linear");
  EXPECT_EQ(replaced[0].to, "Scaled");
}

TEST(ReplaceLayersTest, NewTensorsAreOfTheOldOnesTypeAndMode) {
  Net net;
  net.to(at::kDouble);
  net.eval();
  replace_layers(net, {scaling()});
  for (const auto& parameter : net.parameters()) EXPECT_EQ(parameter.scalar_type(), at::kDouble);
  EXPECT_FALSE(net.last.module()->is_training());
}

struct Plain : torch::nn::Module {
  torch::nn::Sequential layers{
      register_module("layers", torch::nn::Sequential(make_layer<torch::nn::LinearImpl>(4, 4)))};
};

TEST(ReplaceLayersTest, ALayerOutsideOfASlotIsRefusedBeforeAnythingChanges) {
  struct Mixed : torch::nn::Module, SlotOwner {
    Slot<Layer> good{*this, "good", make_layer<torch::nn::LinearImpl>(4, 4)};
    std::shared_ptr<Plain> plain{register_module("plain", std::make_shared<Plain>())};
  } net;
  const auto before = net.good.module();
  try {
    replace_layers(net, {scaling()});
    FAIL() << "nothing was thrown";
  } catch (const c10::NotImplementedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"plain.layers.0\" (Linear) would become a Scaled"));
    EXPECT_THAT(error.what(), HasSubstr("Slot"));
  }
  EXPECT_EQ(net.good.module(), before);
}

TEST(ReplaceLayersTest, WhatTheParentCannotCallIsRefused) {
  Net net;
  const LayerRule rule{.replacement =
                           [](const auto& layer, const std::string& name) {
                             return name == "last" ? std::make_shared<torch::nn::ReLUImpl>()
                                                   : nullptr;
                           },
                       .is_done = [](const auto&) { return false; }};
  EXPECT_THROW(replace_layers(net, {rule}), c10::TypeError);
  EXPECT_TRUE(net.named_parameters().contains("last.weight"));
}

std::vector<std::unique_ptr<Optimizer>> one(std::unique_ptr<Optimizer> optimizer) {
  std::vector<std::unique_ptr<Optimizer>> optimizers;
  optimizers.push_back(std::move(optimizer));
  return optimizers;
}

void step(Net& net, Optimizer& optimizer) {
  net.forward(at::ones({2, 4})).pow(2).sum().backward();
  optimizer.update();
  optimizer.zero_grad();
}

std::vector<std::string> group_names(Optimizer& optimizer, size_t group) {
  std::vector<std::string> names;
  for (const NamedParameter& parameter : optimizer.groups()[group].parameters) {
    names.push_back(parameter.name);
  }
  return names;
}

TEST(ReplaceLayersTest, AnOptimizersStateGoesWithTheTensorsUnderTheirNewNames) {
  Net net;
  const auto optimizers = one(std::make_unique<Adam>(parameters_of(net), AdamOptions{.lr = 0.1}));
  step(net, *optimizers[0]);
  step(net, *optimizers[0]);
  const StateDict before = optimizers[0]->state_dict().cloned();
  replace_layers(net, {scaling()}, optimizers);
  const StateDict after = optimizers[0]->state_dict();
  const auto state = [](const StateDict& state, const std::string& name) {
    return *(*state.child("exp_avg"))->tensor(name);
  };
  EXPECT_TRUE(state(after, "last.inner.weight").equal(state(before, "last.weight")));
  EXPECT_EQ(*(*after.child("step"))->integer("last.inner.weight"), 2);
  EXPECT_EQ(*(*after.child("step"))->integer("last.scale"), 0);
  // All of them are trained, the new ones too.
  const at::Tensor scale = net.named_parameters()["last.scale"].clone();
  step(net, *optimizers[0]);
  EXPECT_FALSE(net.named_parameters()["last.scale"].equal(scale));
  EXPECT_EQ(*(*optimizers[0]->state_dict().child("step"))->integer("last.inner.weight"), 3);
}

TEST(ReplaceLayersTest, NewParametersJoinTheGroupsOfThoseTheyReplace) {
  Net net;
  const auto optimizers =
      one(*sgd({.lr = 0.1, .momentum = 0.9},
               {.rules = {{.pattern = "bias", .lr = 0.2}, {.pattern = "^last", .lr = 0.3}}})([&] {
        std::vector<NamedParameter> parameters = parameters_of(net);
        parameters.pop_back();  // last.bias is in both
        return parameters;
      }()));
  step(net, *optimizers[0]);
  replace_layers(net, {new_linears(3)}, optimizers);
  EXPECT_THAT(group_names(*optimizers[0], 1), ElementsAre("last.weight"));
  EXPECT_TRUE(optimizers[0]->groups()[1].parameters[0].tensor.is_same(
      net.named_parameters()["last.weight"]));
  EXPECT_EQ(optimizers[0]->groups()[1].lr, 0.3);
  // By the last name, where they are in several.
  replace_layers(net, {new_linears(4)}, optimizers);
  EXPECT_THAT(group_names(*optimizers[0], 0), ::testing::IsEmpty());
  EXPECT_THAT(group_names(*optimizers[0], 2), ElementsAre("once.weight", "layers.0.weight"));
  step(net, *optimizers[0]);
  // Removed ones have no state any more.
  const StateDict state = optimizers[0]->state_dict();
  EXPECT_EQ((*state.child("momentum_buffer"))->tensors().count("once.bias"), 0u);
}

TEST(ReplaceLayersTest, WhereThereIsNoTellingTheGroupNothingChanges) {
  Net net;
  const auto optimizers =
      one(*sgd({.lr = 0.1}, {.rules = {{.pattern = "bias", .lr = 0.2}}})(parameters_of(net)));
  EXPECT_THROW(replace_layers(net, {scaling()}, optimizers), c10::ValueError);
  EXPECT_TRUE(net.named_parameters().contains("last.weight"));
}

TEST(ReplaceLayersTest, TorchsOptimizersGoAlong) {
  Net net;
  const auto optimizers =
      one(*torch_optimizer<torch::optim::Adam>(torch::optim::AdamOptions(0.1))(parameters_of(net)));
  step(net, *optimizers[0]);
  replace_layers(net, {scaling()}, optimizers);
  step(net, *optimizers[0]);
  const StateDict state = optimizers[0]->state_dict();
  const StateDict& parameters = **state.child("parameters");
  EXPECT_EQ(*(*parameters.child("last.inner.weight"))->integer("step"), 2);
  EXPECT_EQ(*(*parameters.child("last.scale"))->integer("step"), 1);
  EXPECT_EQ(parameters.children().size(), 9u);
}

TEST(ReplaceLayersTest, AnOptimizerThatCannotGoAlongIsRefused) {
  Net net;
  const auto optimizers = one(
      *torch_optimizer<torch::optim::LBFGS>(torch::optim::LBFGSOptions(0.1))(parameters_of(net)));
  EXPECT_THROW(replace_layers(net, {scaling()}, optimizers), c10::NotImplementedError);
}

TEST(ReplacementTableTest, HasALineForEach) {
  const std::string table = replacement_table({{.name = "conv1",
                                                .from = "Conv2d",
                                                .to = "BlurConv2d",
                                                .parameters_before = 9408,
                                                .parameters_after = 9408},
                                               {.name = "layer1.0",
                                                .from = "A",
                                                .to = "B",
                                                .parameters_before = 0,
                                                .parameters_after = 7}});
  EXPECT_EQ(table,
            "layer     from    to            parameters           now\n"
            "conv1     Conv2d  BlurConv2d          9408          9408\n"
            "layer1.0  A       B                      0             7");
}

TEST(ReportSurgeryTest, NothingReplacedIsAnErrorWhereItIsRequired) {
  report_surgery("BlurPool", "strided convolutions", /*required=*/false, {});
  try {
    report_surgery("BlurPool", "strided convolutions", /*required=*/true, {});
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the model has no strided convolutions"));
  }
  report_surgery("BlurPool", "strided convolutions", /*required=*/true, {{.name = "conv1"}});
}

}  // namespace
}  // namespace composer
