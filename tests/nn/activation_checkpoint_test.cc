#include "composer/nn/activation_checkpoint.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"
#include "composer/nn/slot.h"

namespace composer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A layer of one function and whatever is registered in it.
struct FunctionLayer : torch::nn::Module, Layer {
  explicit FunctionLayer(std::function<at::Tensor(const at::Tensor&)> function)
      : function(std::move(function)) {}
  at::Tensor forward(const at::Tensor& input) override { return function(input); }
  std::function<at::Tensor(const at::Tensor&)> function;
};

std::shared_ptr<LayerSequence> block() {
  auto layers = std::make_shared<LayerSequence>();
  layers->push_back(make_layer<torch::nn::LinearImpl>(6, 8));
  layers->push_back(make_layer<torch::nn::BatchNorm1dImpl>(8));
  layers->push_back(make_layer<torch::nn::ReLUImpl>());
  layers->push_back(make_layer<torch::nn::DropoutImpl>(0.4));
  layers->push_back(make_layer<torch::nn::LinearImpl>(8, 6));
  return layers;
}

struct Net : torch::nn::Module, SlotOwner {
  Net() {
    for (int i = 0; i < 3; ++i) blocks->push_back(block());
  }
  at::Tensor forward(const at::Tensor& input) { return head->forward(blocks->forward(input)); }
  std::shared_ptr<LayerSequence> blocks =
      register_module("blocks", std::make_shared<LayerSequence>());
  Slot<Layer> head{*this, "head", make_layer<torch::nn::LinearImpl>(6, 2)};
};

std::shared_ptr<Net> make_net() {
  at::set_num_threads(1);
  at::manual_seed(1);
  return std::make_shared<Net>();
}

std::vector<std::string> names(torch::nn::Module& module) {
  return module.named_parameters().keys();
}

// What training leaves behind: gradients of the input and the parameters, buffers, and the next
// random number.
std::vector<at::Tensor> train(Net& net, bool autocast = false) {
  at::manual_seed(2);
  std::vector<at::Tensor> left;
  for (int microbatch = 0; microbatch < 3; ++microbatch) {
    const at::Tensor input = at::randn({5, 6}).requires_grad_();
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, autocast);
    const at::Tensor output = net.forward(input);
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
    const at::Tensor loss = output.to(at::kFloat).square().mean();
    left.push_back(at::rand({2}));
    loss.backward();
    left.insert(left.end(), {output, input.grad(), at::rand({2})});
  }
  for (const at::Tensor& parameter : net.parameters()) left.push_back(parameter.grad());
  for (const at::Tensor& buffer : net.buffers()) left.push_back(buffer.clone());
  return left;
}

void expect_equal(const std::vector<at::Tensor>& actual, const std::vector<at::Tensor>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_TRUE(at::equal(actual[i], expected[i])) << i;
  }
}

TEST(ActivationCheckpointTest, TrainsToTheSameBitsAsWithout) {
  const auto net = make_net(), plain = make_net();
  ASSERT_TRUE(checkpoint_activations(*net, "blocks").ok());
  expect_equal(train(*net), train(*plain));
}

TEST(ActivationCheckpointTest, TrainsToTheSameBitsUnderAutocast) {
  const auto net = make_net(), plain = make_net();
  ASSERT_TRUE(checkpoint_activations(*net, "blocks").ok());
  const auto expected = train(*plain, /*autocast=*/true);
  EXPECT_EQ(expected[1].scalar_type(), at::kBFloat16);
  expect_equal(train(*net, /*autocast=*/true), expected);
}

TEST(ActivationCheckpointTest, NestedTrainsToTheSameBits) {
  const auto net = make_net(), plain = make_net();
  ASSERT_TRUE(checkpoint_activations(*net, "blocks\\.\\d\\.[14]$").ok());
  ASSERT_TRUE(checkpoint_activations(*net, "blocks\\.\\d$").ok());
  expect_equal(train(*net), train(*plain));
}

TEST(ActivationCheckpointTest, ABatchIsCountedOnce) {
  const auto net = make_net();
  ASSERT_TRUE(checkpoint_activations(*net, "blocks").ok());
  train(*net);
  EXPECT_EQ(net->named_buffers()["blocks.1.1.num_batches_tracked"].item<int64_t>(), 3);
}

TEST(ActivationCheckpointTest, WhatAnOutputNeedsIsNotKept) {
  c10::weak_intrusive_ptr<c10::TensorImpl> hidden(at::empty({0}).getIntrusivePtr());
  const auto layer = std::make_shared<FunctionLayer>([&](const at::Tensor& input) {
    const at::Tensor result = input.exp();
    hidden = c10::weak_intrusive_ptr<c10::TensorImpl>(result.getIntrusivePtr());
    return result.sum();
  });
  const at::Tensor input = at::randn({4}).requires_grad_();
  const at::Tensor plain = layer->forward(input).log();
  const at::Tensor output = checkpointed(layer, input).log();
  EXPECT_TRUE(hidden.expired());
  output.backward();
  const at::Tensor gradient = input.grad().clone();
  input.mutable_grad().reset();
  plain.backward();
  EXPECT_TRUE(at::equal(gradient, input.grad()));
}

TEST(ActivationCheckpointTest, TheModeOfTheForwardCounts) {
  const auto net = make_net(), plain = make_net();
  ASSERT_TRUE(checkpoint_activations(*net, "blocks").ok());
  std::vector<std::vector<at::Tensor>> gradients;
  for (const auto& model : {net, plain}) {
    model->blocks->slots()[1]->module()->eval();
    at::manual_seed(3);
    const at::Tensor loss = model->forward(at::randn({5, 6})).sum();
    model->eval();
    loss.backward();
    EXPECT_FALSE(model->blocks->slots()[0]->module()->is_training());
    gradients.emplace_back();
    for (const at::Tensor& parameter : model->parameters()) {
      gradients.back().push_back(parameter.grad());
    }
  }
  expect_equal(gradients[0], gradients[1]);
}

TEST(ActivationCheckpointTest, BuffersAreThoseOfTheForward) {
  const auto layer = std::make_shared<FunctionLayer>(nullptr);
  const at::Tensor count = layer->register_buffer("count", at::zeros({}));
  layer->function = [count](const at::Tensor& input) {
    const at::NoGradGuard no_grad;
    count.add_(1);
    const at::AutoGradMode graph(true);
    return input * count.clone();
  };
  const at::Tensor input = at::ones({1}).requires_grad_();
  checkpointed(layer, input);
  const at::Tensor second = checkpointed(layer, input);
  checkpointed(layer, input);
  second.backward();
  EXPECT_EQ(input.grad().item<double>(), 2);
  EXPECT_EQ(count.item<double>(), 3);
}

TEST(ActivationCheckpointTest, AnInputWithoutGradientTrainsTheParameters) {
  const auto layer = make_layer<torch::nn::EmbeddingImpl>(5, 3);
  const at::Tensor output = checkpointed(layer, at::arange(4));
  ASSERT_TRUE(output.requires_grad());
  output.sum().backward();
  EXPECT_TRUE(at::equal(layer->weight.grad().sum(1), at::tensor({3., 3., 3., 3., 0.}, at::kFloat)));
}

TEST(ActivationCheckpointTest, FrozenParametersGetNoGradient) {
  const auto layer = make_layer<torch::nn::LinearImpl>(3, 3);
  layer->weight.requires_grad_(false);
  const at::Tensor input = at::randn({2, 3}).requires_grad_();
  checkpointed(layer, input).sum().backward();
  EXPECT_FALSE(layer->weight.grad().defined());
  EXPECT_TRUE(at::equal(layer->bias.grad(), at::full({3}, 2.f)));
  EXPECT_TRUE(input.grad().defined());
}

TEST(ActivationCheckpointTest, SharedParametersCountOnce) {
  const auto layer = std::make_shared<LayerSequence>();
  const auto shared = make_layer<torch::nn::LinearImpl>(3, 3);
  layer->push_back(shared);
  layer->push_back(shared);
  const at::Tensor input = at::randn({2, 3});
  layer->forward(input).sum().backward();
  const at::Tensor expected = shared->weight.grad().clone();
  shared->weight.mutable_grad().reset();
  checkpointed(layer, input).sum().backward();
  EXPECT_TRUE(at::equal(shared->weight.grad(), expected));
}

TEST(ActivationCheckpointTest, HooksOfParametersRunOnce) {
  const auto layer = make_layer<torch::nn::LinearImpl>(3, 3);
  int calls = 0;
  layer->bias.register_hook([&](const at::Tensor& gradient) {
    ++calls;
    return gradient * 10;
  });
  const at::Tensor input = at::randn({2, 3}).requires_grad_();
  for (int backward = 1; backward <= 2; ++backward) {
    checkpointed(layer, input).sum().backward();
    EXPECT_EQ(calls, backward);
    EXPECT_TRUE(at::equal(layer->bias.grad(), at::full({3}, 20.f * static_cast<float>(backward))));
  }
}

TEST(ActivationCheckpointTest, AGraphThatIsKeptCanBeUsedAgain) {
  const auto layer = make_layer<torch::nn::LinearImpl>(3, 3);
  const at::Tensor loss = checkpointed(layer, at::randn({2, 3})).sum();
  loss.backward({}, /*retain_graph=*/true);
  loss.backward();
  EXPECT_TRUE(at::equal(layer->bias.grad(), at::full({3}, 4.f)));
  EXPECT_THROW(loss.backward(), c10::Error);
}

TEST(ActivationCheckpointTest, WhereNoGradientIsAskedForItIsTheLayer) {
  int calls = 0;
  const auto layer = std::make_shared<FunctionLayer>([&](const at::Tensor& input) {
    ++calls;
    return input;
  });
  layer->register_parameter("weight", at::ones({1}));
  const at::Tensor input = at::randn({2, 3});
  {
    const at::NoGradGuard no_grad;
    EXPECT_TRUE(checkpointed(layer, input).is_same(input));
  }
  layer->parameters()[0].requires_grad_(false);
  EXPECT_TRUE(checkpointed(layer, input).is_same(input));
  EXPECT_EQ(calls, 2);
}

// Autocast caches casts of weights; one that was made without a graph must not be found later.
TEST(ActivationCheckpointTest, AutocastFindsNoWeightsWithoutAGraph) {
  const auto layer = make_layer<torch::nn::LinearImpl>(3, 3);
  const at::Tensor input = at::randn({2, 3});
  const auto gradient = [&](bool checkpoint) {
    layer->weight.mutable_grad().reset();
    at::autocast::set_autocast_enabled(at::kCPU, true);
    const at::Tensor first = checkpoint ? checkpointed(layer, input) : layer->forward(input);
    const at::Tensor second = layer->forward(input);
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
    second.sum().backward();
    return layer->weight.grad().clone();
  };
  EXPECT_TRUE(at::equal(gradient(true), gradient(false)));
}

std::string message_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(ActivationCheckpointTest, SecondDerivativesAreRefused) {
  const auto layer = make_layer<torch::nn::LinearImpl>(3, 3);
  const at::Tensor input = at::randn({2, 3}).requires_grad_();
  const at::Tensor loss = checkpointed(layer, input).square().sum();
  EXPECT_THAT(message_of([&] { torch::autograd::grad({loss}, {input}, {}, {}, true); }),
              HasSubstr("has no second derivative"));
}

TEST(ActivationCheckpointTest, AnExceptionOfTheSecondForwardComesThroughAndAllIsRestored) {
  int calls = 0;
  const auto layer = std::make_shared<FunctionLayer>(nullptr);
  const at::Tensor seen = layer->register_buffer("seen", at::zeros({}));
  layer->function = [&calls, seen](const at::Tensor& input) {
    const at::Tensor drawn = at::rand_like(input);
    seen.fill_(++calls);
    if (calls == 2) throw std::runtime_error("the second time");
    return input * drawn;
  };
  const at::Tensor input = at::randn({3}).requires_grad_();
  const at::Tensor loss = checkpointed(layer, input).sum();
  at::manual_seed(5);
  const at::Tensor expected = at::rand({2});
  at::manual_seed(5);
  EXPECT_EQ(message_of([&] { loss.backward(); }), "the second time");
  EXPECT_TRUE(at::equal(at::rand({2}), expected));
  EXPECT_EQ(seen.item<double>(), 1);
  EXPECT_TRUE(at::GradMode::is_enabled());
}

TEST(ActivationCheckpointTest, LayersThatCannotBeComputedTwiceAreRefused) {
  const at::Tensor input = at::randn({3, 3}).requires_grad_();
  const at::Tensor scaled = input * 2;
  const auto in_place = std::make_shared<FunctionLayer>(
      [](const at::Tensor& value) { return at::Tensor(value).relu_(); });
  EXPECT_THAT(message_of([&] { checkpointed(in_place, scaled); }),
              HasSubstr("has changed its input in place"));

  const at::Tensor other = at::randn({3, 3}).requires_grad_();
  const auto foreign =
      std::make_shared<FunctionLayer>([&](const at::Tensor& value) { return value.matmul(other); });
  const at::Tensor loss = checkpointed(foreign, input).sum();
  EXPECT_THAT(message_of([&] { loss.backward(); }),
              HasSubstr("uses a parameter [3, 3] that is not its own"));

  const auto linear = make_layer<torch::nn::LinearImpl>(3, 3);
  const at::Tensor before = checkpointed(linear, input).sum();
  {
    const at::NoGradGuard no_grad;
    linear->weight.mul_(2);
  }
  EXPECT_THAT(message_of([&] { before.backward(); }),
              HasSubstr("modified by an inplace operation"));

  EXPECT_THAT(message_of([&] { checkpointed(std::make_shared<torch::nn::ReLUImpl>(), input); }),
              HasSubstr("only a Layer can be checkpointed"));
}

TEST(CheckpointActivationsTest, FindsTheOutermostLayersAndLeavesNames) {
  const auto net = make_net();
  const auto before = names(*net);
  const auto found = checkpoint_activations(*net, "blocks|head");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(*found, ElementsAre("blocks.0", "blocks.1", "blocks.2", "head"));
  EXPECT_EQ(names(*net), before);
  EXPECT_EQ(net->forward(at::randn({2, 6})).grad_fn()->next_edges().size(), 3u);
}

TEST(CheckpointActivationsTest, FindingNothingNamesWhatThereIs) {
  struct Small : torch::nn::Module, SlotOwner {
    Slot<Layer> first{*this, "first", block()};
  };
  const auto net = std::make_shared<Small>();
  EXPECT_EQ(checkpoint_activations(*net, "second").status().message(),
            "\"second\" finds no layer; there are first, first.0, first.1, first.2, first.3, "
            "first.4");
  EXPECT_EQ(checkpoint_activations(*make_layer<torch::nn::ReLUImpl>(), "a").status().message(),
            "\"a\" finds no layer: the model has none that can be replaced (in a slot)");
  EXPECT_THAT(std::string(checkpoint_activations(*net, "(").status().message()),
              HasSubstr("\"(\" is not a regular expression: "));
}

TEST(CheckpointActivationsTest, ALayerThatIsPutInTheSlotLaterIsCheckpointed) {
  const auto net = make_net();
  ASSERT_TRUE(checkpoint_activations(*net, "head").ok());
  ASSERT_TRUE(net->slots()[0]->replace(make_layer<torch::nn::LinearImpl>(6, 4)));
  EXPECT_EQ(net->named_parameters()["head.weight"].size(0), 4);
  EXPECT_FALSE(net->slots()[0]->replace(std::make_shared<torch::nn::ReLUImpl>()));
  const at::Tensor output = net->forward(at::randn({2, 6}));
  EXPECT_THAT(output.grad_fn()->name(), HasSubstr("ComputedTwice"));
  output.sum().backward();
  EXPECT_TRUE(at::equal(net->named_parameters()["head.bias"].grad(), at::full({4}, 2.f)));
}

}  // namespace
}  // namespace composer
