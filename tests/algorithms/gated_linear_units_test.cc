#include "algorithms/gated_linear_units.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/optim/sgd.h"
#include "models/bert_layers.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/golden.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using ::testing::HasSubstr;
using testing::IsExactly;
using testing::IsNear;

const TensorDict& all_golden() {
  static const TensorDict tensors =
      testing::read_golden("tests/golden/algorithms/transformer_methods.txt");
  return tensors;
}

at::Tensor golden(const std::string& name) { return all_golden().at("glu/" + name).clone(); }

TEST(BertGatedOutput, GivesComposersValues) {
  struct Case {
    const char* name;
    Activation activation;
    bool gated_bias;
    bool non_gated_bias;
  };
  for (const Case& each :
       {Case{"gelu", Activation::kGelu, false, false}, Case{"relu", Activation::kRelu, true, false},
        Case{"gelu_new", Activation::kGeluNew, false, true},
        Case{"silu", Activation::kSilu, true, true}}) {
    SCOPED_TRACE(each.name);
    BertGatedOutput layer({.hidden_size = 4,
                           .intermediate_size = 6,
                           .layer_norm_eps = 1e-3,
                           .gated_layer_bias = each.gated_bias,
                           .non_gated_layer_bias = each.non_gated_bias},
                          make_activation(each.activation));
    const std::string prefix = absl::StrCat("glu/", each.name, "/weights/");
    size_t weights = 0;
    for (const auto& [name, value] : all_golden()) {
      if (name.rfind(prefix, 0) != 0) continue;
      ++weights;
      const at::NoGradGuard no_grad;
      layer.named_parameters()[name.substr(prefix.size())].copy_(value);
    }
    EXPECT_EQ(layer.named_parameters().size(), weights);
    const at::Tensor output = layer.forward(golden("hidden"), golden("residual"));
    EXPECT_THAT(output.detach(), IsNear(golden(absl::StrCat(each.name, "/output")), 1e-5));
    output.pow(3).sum().backward();
    EXPECT_LT(testing::relative_error(layer.named_parameters()["gated_layer.weight"].grad(),
                                      golden(absl::StrCat(each.name, "/gradient"))),
              1e-4);
  }
}

struct Layers : public torch::nn::Module {
  explicit Layers(std::initializer_list<BertOptions> all) {
    for (const BertOptions& options : all) {
      layers.push_back(
          register_module(std::to_string(layers.size()), std::make_shared<BertLayer>(options)));
    }
  }
  std::vector<std::shared_ptr<BertLayer>> layers;
};

BertOptions small(Activation activation = Activation::kRelu) {
  return {.hidden_size = 4,
          .num_attention_heads = 2,
          .intermediate_size = 6,
          .hidden_act = activation,
          .hidden_dropout_prob = 0.25,
          .layer_norm_eps = 1e-4};
}

std::shared_ptr<Layers> bert(std::initializer_list<BertOptions> all) {
  return std::make_shared<Layers>(all);
}

TEST(ApplyGatedLinearUnits, TheLayerIsThatOfThePaper) {
  const auto model = bert({small()});
  apply_gated_linear_units(*model, {.gated_layer_bias = true});
  model->eval();
  const at::Tensor input = at::randn({2, 3, 4});
  const auto weights = model->named_parameters();
  const auto weight = [&](const std::string& name) { return weights["0." + name]; };
  const auto dense = [&](const at::Tensor& states, const std::string& name) {
    return at::linear(states, weight(name + ".weight"), weight(name + ".bias"));
  };
  const auto& attention = model->layers[0]->named_children()["attention"];
  const at::Tensor attended = dynamic_cast<MaskedLayer&>(*attention).forward(input, {});
  const at::Tensor units = dense(attended, "output.gated_layer").relu() *
                           at::linear(attended, weight("output.non_gated_layer.weight"));
  const at::Tensor expected =
      at::layer_norm(dense(units, "output.wo") + attended, {4}, weight("output.layernorm.weight"),
                     weight("output.layernorm.bias"), 1e-4);
  EXPECT_THAT(model->layers[0]->forward(input, {}).detach(), IsNear(expected.detach(), 1e-6));
}

TEST(ApplyGatedLinearUnits, ReplacesTheFeedForwardPartOfEachLayerOnce) {
  const auto model = bert({small(), small()});
  const auto replaced = apply_gated_linear_units(*model);
  ASSERT_EQ(replaced.size(), 4u);
  EXPECT_EQ(replaced[0].name, "0.intermediate");
  EXPECT_EQ(replaced[1].name, "0.output");
  EXPECT_EQ(replaced[1].to, "BertGatedOutput");
  EXPECT_EQ(replaced[1].parameters_after, 4 * 6 + 4 * 6 + 6 * 4 + 4 + 2 * 4);
  EXPECT_TRUE(apply_gated_linear_units(*model).empty());
}

TEST(ApplyGatedLinearUnits, NewParametersJoinTheOptimizer) {
  const auto model = bert({small()});
  std::vector<NamedParameter> parameters;
  for (const auto& item : model->named_parameters())
    parameters.push_back({item.key(), item.value()});
  std::vector<std::unique_ptr<Optimizer>> optimizers;
  optimizers.push_back(std::make_unique<Sgd>(
      std::vector<ParameterGroup>{{.parameters = parameters}}, SgdOptions{.lr = 0.1}));
  apply_gated_linear_units(*model, {}, optimizers);
  std::vector<std::string> names;
  for (const auto& parameter : optimizers[0]->groups()[0].parameters) {
    names.push_back(parameter.name);
  }
  EXPECT_THAT(names, ::testing::UnorderedElementsAreArray(model->named_parameters().keys()));
}

TEST(ApplyGatedLinearUnits, TakesTheModelsActivationOrTheOneThatIsGiven) {
  const at::Tensor input = at::randn({2, 3, 4});
  const auto output = [&](Activation activation, const GatedLinearUnitsOptions& options) {
    const auto model = bert({small(activation)});
    apply_gated_linear_units(*model, options);
    model->eval();
    int64_t count = 0;
    const at::NoGradGuard no_grad;
    for (auto& item : model->named_parameters()) {
      item.value().copy_(at::arange(item.value().numel()).view_as(item.value()).add(++count).sin());
    }
    return model->layers[0]->forward(input, {});
  };
  const at::Tensor silu = output(Activation::kSilu, {});
  EXPECT_THAT(output(Activation::kRelu, {.act_fn = Activation::kSilu}), IsExactly(silu));
  EXPECT_FALSE(at::allclose(output(Activation::kRelu, {}), silu));
}

TEST(ApplyGatedLinearUnits, DifferentActivationsNeedOneThatIsGiven) {
  for (const Activation other : {Activation::kRelu, Activation::kGeluNew}) {
    const auto model = bert({small(Activation::kGelu), small(other)});
    try {
      apply_gated_linear_units(*model);
      FAIL() << "nothing was thrown";
    } catch (const c10::ValueError& error) {
      EXPECT_THAT(error.what(), HasSubstr("2 different activations"));
    }
    EXPECT_EQ(apply_gated_linear_units(*model, {.act_fn = Activation::kSilu}).size(), 4u);
  }
}

TEST(GatedLinearUnitsTest, ChangesTheModelAtInitAndRefusesOneThatIsNoBert) {
  Logger logger;
  GatedLinearUnits algorithm;
  State state;
  state.model = std::make_shared<testing::TinyModel>();
  ASSERT_TRUE(algorithm.match(Event::kInit, state));
  EXPECT_FALSE(algorithm.match(Event::kBatchStart, state));
  try {
    algorithm.apply(Event::kInit, state, logger);
    FAIL() << "nothing was thrown";
  } catch (const c10::TypeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("GatedLinearUnits is defined for BERT only"));
  }
  state.model->register_module("bert", bert({small()}));
  algorithm.apply(Event::kInit, state, logger);
  EXPECT_TRUE(apply_gated_linear_units(*state.model).empty());
}

TEST(GatedLinearUnitsTest, ReadsItsConfig) {
  config::GatedLinearUnits config;
  config.set_act_fn(config::SILU);
  config.set_non_gated_layer_bias(true);
  const auto algorithm = GatedLinearUnits::create(config);
  ASSERT_TRUE(algorithm.ok());
  State state;
  state.model = std::make_shared<testing::TinyModel>();
  state.model->register_module("bert", bert({small()}));
  Logger logger;
  (*algorithm)->apply(Event::kInit, state, logger);
  const auto names = state.model->named_parameters();
  EXPECT_TRUE(names.contains("bert.0.output.non_gated_layer.bias"));
  EXPECT_FALSE(names.contains("bert.0.output.gated_layer.bias"));
  std::vector<std::string> types;
  for (const auto& module : state.model->modules()) types.push_back(layer_type(*module));
  EXPECT_THAT(types, ::testing::Contains(HasSubstr("SiLU")));
}

}  // namespace
}  // namespace composer
