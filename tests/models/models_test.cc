// The models against their PyTorch counterparts, with PyTorch's names.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "models/cnn.h"
#include "models/mlp.h"
#include "models/mlp_encoder.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

using testing::relative_error;

const TensorDict& golden() {
  static const TensorDict tensors = testing::read_golden("tests/golden/models/models.txt");
  return tensors;
}

struct Case {
  std::string name;
  std::shared_ptr<ComposerModel> model;
  Batch batch;
};

Batch batch_of(const std::string& model, const std::string& input, const std::string& target) {
  return {{input, golden().at(model + "/input")}, {target, golden().at(model + "/target")}};
}

std::vector<Case> cases() {
  const CnnOptions cnn{.channels = {4, 6}, .num_classes = 3};
  CnnOptions contiguous = cnn;
  contiguous.memory_format = at::MemoryFormat::Contiguous;
  return {
      {"mlp",
       std::make_shared<Mlp>(MlpOptions{.input_size = 6, .hidden_sizes = {5, 4}, .num_classes = 3}),
       batch_of("mlp", "input", "target")},
      {"cnn", std::make_shared<Cnn>(cnn), batch_of("cnn", "input", "target")},
      {"cnn", std::make_shared<Cnn>(contiguous), batch_of("cnn", "input", "target")},
      {"mlp_encoder",
       std::make_shared<MLPEncoder>(
           MLPEncoderOptions{.input_dim = 9, .hidden_dim = 5, .output_dim = 4}),
       batch_of("mlp_encoder", "input_ids", "labels")},
  };
}

// Puts the golden state into the model; its names must be the model's.
void load(const Case& test) {
  const at::NoGradGuard no_grad;
  std::set<std::string> names;
  const auto copy = [&](const std::string& name, at::Tensor tensor) {
    names.insert(name);
    const at::Tensor* state = golden().find(test.name + "/state/" + name);
    ASSERT_NE(state, nullptr) << "PyTorch has no " << name;
    ASSERT_EQ(state->sizes(), tensor.sizes()) << name;
    ASSERT_EQ(state->dtype(), tensor.dtype()) << name;
    tensor.copy_(*state);
  };
  for (const auto& item : test.model->named_parameters()) copy(item.key(), item.value());
  for (const auto& item : test.model->named_buffers()) copy(item.key(), item.value());
  const std::string prefix = test.name + "/state/";
  for (const auto& [name, tensor] : golden()) {
    if (name.rfind(prefix, 0) != 0) continue;
    EXPECT_EQ(names.count(name.substr(prefix.size())), 1u) << "the model has no " << name;
  }
}

TEST(ModelsTest, ForwardLossAndGradientsArePyTorchs) {
  for (const Case& test : cases()) {
    SCOPED_TRACE(test.name);
    load(test);
    const Outputs outputs = test.model->forward(test.batch);
    EXPECT_LT(relative_error(outputs.at("logits"), golden().at(test.name + "/logits")), 1e-5);
    const at::Tensor loss = test.model->loss(outputs, test.batch).total();
    EXPECT_LT(relative_error(loss, golden().at(test.name + "/loss")), 1e-6);
    loss.backward();
    for (const auto& item : test.model->named_parameters()) {
      EXPECT_LT(
          relative_error(item.value().grad(), golden().at(test.name + "/gradients/" + item.key())),
          1e-5)
          << item.key();
    }
    for (const auto& item : test.model->named_buffers()) {
      EXPECT_LT(relative_error(item.value(), golden().at(test.name + "/after/" + item.key())), 1e-5)
          << item.key();
    }
  }
}

TEST(ModelsTest, PerSampleLossesAverageToTheLoss) {
  for (const Case& test : cases()) {
    ASSERT_TRUE(test.model->has_per_sample_loss());
    const Outputs outputs = test.model->forward(test.batch);
    const at::Tensor losses = test.model->per_sample_loss(outputs, test.batch);
    ASSERT_EQ(losses.sizes(), at::IntArrayRef({test.batch.num_samples()})) << test.name;
    EXPECT_TRUE(losses.requires_grad());
    if (test.name == "mlp_encoder") continue;  // weighs sequences, not labels: its own test
    EXPECT_LT(relative_error(losses.mean(), test.model->loss(outputs, test.batch).total()), 1e-6)
        << test.name;
  }
}

TEST(ModelsTest, LossesWeighedByTheirTokensAddUpToThatOfTheBatch) {
  for (const Case& test : cases()) {
    if (!test.batch.contains("labels")) continue;
    const auto loss = [&](const Batch& batch) {
      return test.model->loss(test.model->forward(batch), batch).total();
    };
    at::Tensor sum = at::zeros({});
    std::set<int64_t> counts;
    for (const Batch& sample : test.batch.split(1)) {
      const int64_t tokens = test.model->num_loss_tokens(sample);
      counts.insert(tokens);
      if (tokens > 0) sum = sum + loss(sample) * tokens;
    }
    EXPECT_GT(counts.size(), 1u) << test.name << ": all samples count alike";
    EXPECT_LT(relative_error(sum / test.model->num_loss_tokens(test.batch), loss(test.batch)), 1e-6)
        << test.name;
  }
}

TEST(ModelsTest, MetricsHaveTheirNamesAndTakeTheModelsOutputs) {
  const auto names = [](const MetricCollection& metrics) {
    std::string result;
    for (const auto& [name, metric] : metrics) result += name + " ";
    return result;
  };
  for (const Case& test : cases()) {
    EXPECT_EQ(names(test.model->metrics(/*is_train=*/true)), "accuracy ");
    MetricCollection metrics = test.model->metrics(/*is_train=*/false);
    EXPECT_EQ(names(metrics), "cross_entropy accuracy ");
    const Outputs outputs = test.model->eval_forward(test.batch);
    for (auto& [name, metric] : metrics) test.model->update_metric(*metric, outputs, test.batch);
    const double loss = test.model->loss(outputs, test.batch).total().item<double>();
    EXPECT_NEAR(metrics.compute()[0].second, loss, 1e-6) << test.name;
  }
}

TEST(MLPEncoderTest, ASequenceCountsItsLabelsThatAreNotIgnored) {
  MLPEncoder model({.input_dim = 9, .hidden_dim = 5, .output_dim = 4});
  const Batch batch = batch_of("mlp_encoder", "input_ids", "labels");
  const Outputs outputs = model.forward(batch);
  const at::Tensor losses = model.per_sample_loss(outputs, batch);
  const at::Tensor& logits = outputs.at("logits");
  EXPECT_EQ(logits.sizes(), at::IntArrayRef({3, 6, 4}));
  const at::Tensor first_two =
      at::cross_entropy_loss(logits[0].narrow(0, 0, 2), batch.at("labels")[0].narrow(0, 0, 2));
  EXPECT_NEAR(losses[0].item<double>(), first_two.item<double>(), 1e-6);
  EXPECT_EQ(losses[2].item<double>(), 0);
}

TEST(MLPEncoderTest, ComputesLossesOfHalfPrecisionInFloat32) {
  MLPEncoder model({.input_dim = 9, .hidden_dim = 5, .output_dim = 4});
  const Batch batch = batch_of("mlp_encoder", "input_ids", "labels");
  const at::Tensor logits = model.forward(batch).at("logits").to(at::kBFloat16);
  const Outputs half = {{"logits", logits}}, single = {{"logits", logits.to(at::kFloat)}};
  EXPECT_TRUE(model.loss(half, batch).total().equal(model.loss(single, batch).total()));
  EXPECT_TRUE(model.per_sample_loss(half, batch).equal(model.per_sample_loss(single, batch)));
}

TEST(CnnTest, ActivationsAndWeightsAreInTheChosenFormat) {
  for (const auto format : {at::MemoryFormat::ChannelsLast, at::MemoryFormat::Contiguous}) {
    Cnn model({.in_channels = 3, .channels = {4, 6}, .num_classes = 3, .memory_format = format});
    const at::Tensor weight = model.named_parameters()["blocks.1.conv.weight"];
    EXPECT_TRUE(weight.is_contiguous(format));
    model.logits(at::randn({2, 3, 8, 8})).sum().backward();
    EXPECT_TRUE(weight.grad().is_contiguous(format));
  }
}

TEST(CnnTest, InputsThatCannotBeTakenAreRefused) {
  Cnn model({.in_channels = 1, .channels = {4, 6, 8}});
  EXPECT_EQ(model.logits(at::randn({2, 1, 8, 8})).sizes(), at::IntArrayRef({2, 10}));
  EXPECT_THROW(model.logits(at::randn({2, 1, 7, 8})), c10::ValueError);
  EXPECT_THROW(model.logits(at::randn({2, 784})), c10::ValueError);
}

TEST(MlpTest, WithoutHiddenLayersIsLinear) {
  Mlp model({.input_size = 4, .num_classes = 3});
  EXPECT_EQ(model.parameters().size(), 2u);
  EXPECT_TRUE(model.named_parameters().contains("layers.0.bias"));
  EXPECT_EQ(model.num_classes(), 3);
}

TEST(ModelsTest, StartAsPyTorchsLayersDo) {
  // Uniform within 1 / sqrt(inputs) for linear layers and convolutions, normal for embeddings.
  Mlp mlp({.input_size = 400, .num_classes = 500});
  const at::Tensor weight = mlp.named_parameters()["layers.0.weight"];
  EXPECT_LE(weight.abs().max().item<double>(), 0.05);
  EXPECT_NEAR(weight.std().item<double>(), 0.05 / std::sqrt(3.0), 1e-3);
  Cnn cnn({.in_channels = 16, .channels = {64}});
  const at::Tensor conv = cnn.named_parameters()["blocks.0.conv.weight"];
  EXPECT_LE(conv.abs().max().item<double>(), 1 / std::sqrt(16 * 9.0));
  MLPEncoder encoder;
  EXPECT_NEAR(encoder.named_parameters()["embedding.weight"].std().item<double>(), 1, 0.02);
}

}  // namespace
}  // namespace composer
