#include "composer/checkpoint/weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "composer/checkpoint/named_tensors.h"
#include "models/cnn.h"

namespace composer {
namespace {

constexpr char kCnn[] = "tests/golden/checkpoint/cnn.safetensors";

const CnnOptions kOptions{.in_channels = 1, .channels = {2}, .num_classes = 3};

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

TEST(WeightsTest, MoveBothWaysBetweenPythonAndAModel) {
  Cnn model(kOptions);
  const absl::Status status = load_weights(model, kCnn);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(model.named_buffers()["blocks.0.norm.num_batches_tracked"].item<int64_t>(), 5);
  const std::string path = ::testing::TempDir() + "cnn.safetensors";
  ASSERT_TRUE(save_weights(model, path).ok());
  EXPECT_EQ(read_bytes(path), read_bytes(kCnn));
}

TEST(WeightsTest, KeepTheModelsMemoryFormatAndGradients) {
  Cnn model({.in_channels = 3, .channels = {4}});
  const at::Tensor weight = model.named_parameters()["blocks.0.conv.weight"];
  NamedTensors given;
  for (const auto& [name, tensor] : weights_of(model)) given.emplace_back(name, tensor.clone());
  for (auto& [name, tensor] : given) {
    if (tensor.is_floating_point()) tensor = at::full(tensor.sizes(), 0.5, at::kDouble);
  }
  ASSERT_TRUE(load_weights(model, given).ok());
  EXPECT_TRUE(weight.equal(at::full({4, 3, 3, 3}, 0.5)));
  EXPECT_TRUE(weight.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(weight.requires_grad() && weight.is_leaf());
}

TEST(WeightsTest, EverythingThatDoesNotFitIsListedAndNothingIsChanged) {
  Cnn model(kOptions);
  const at::Tensor before = model.named_parameters()["head.bias"].detach().clone();
  auto file = read_safetensors(kCnn);
  ASSERT_TRUE(file.ok());
  for (auto& [name, tensor] : file->tensors) {
    if (name == "head.weight") name = "heads.weight";
    if (name == "blocks.0.norm.bias") tensor = at::zeros({5});
    if (name == "blocks.0.norm.num_batches_tracked") tensor = at::zeros({});
  }
  const absl::Status status = load_weights(model, file->tensors);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "the weights do not fit the model\n"
            "  missing (1):\n"
            "    head.weight  (nearest: heads.weight)\n"
            "  of another shape or type (2):\n"
            "    blocks.0.norm.bias is Float [5], the model has Float [2]\n"
            "    blocks.0.norm.num_batches_tracked is Float [], the model has Long []\n"
            "  unexpected (1):\n"
            "    heads.weight  (nearest: head.weight)");
  EXPECT_TRUE(model.named_parameters()["head.bias"].equal(before));
  EXPECT_FALSE(load_weights(model, "missing.safetensors").ok());
  EXPECT_EQ(load_weights(model, "tests/golden/checkpoint/tied.pt").message(),
            "tests/golden/checkpoint/tied.pt is no safetensors file; of torch.save's, `composer "
            "import tests/golden/checkpoint/tied.pt OUT.safetensors` makes one");
}

TEST(WeightsTest, NamesAreChangedAndChosen) {
  Cnn model(kOptions);
  const at::Tensor before = model.named_parameters()["head.bias"].detach().clone();
  auto file = read_safetensors(kCnn);
  ASSERT_TRUE(file.ok());
  const NamedTensors own = file->tensors;
  for (auto& [name, tensor] : file->tensors) name = "module." + name;
  const LoadWeightsOptions body = {
      .names = {.rename = {{"^module\\.", ""}}, .only = {"^blocks\\."}}};
  const auto report = load_weights(model, file->tensors, body);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->fits());
  EXPECT_EQ(report->left_out, (std::vector<std::string>{"module.head.bias", "module.head.weight"}));
  EXPECT_EQ(report->kept, (std::vector<std::string>{"head.bias", "head.weight"}));
  for (const auto& [name, tensor] : weights_of(model)) {
    if (name == "head.bias") {
      EXPECT_TRUE(tensor.equal(before));
    }
  }
  const std::map<std::string, at::Tensor> loaded(own.begin(), own.end());
  EXPECT_TRUE(
      model.named_parameters()["blocks.0.conv.weight"].equal(loaded.at("blocks.0.conv.weight")));
}

TEST(WeightsTest, WhatIsMissingIsReportedWhenThatIsAllowed) {
  Cnn model(kOptions);
  const at::Tensor bias = at::full({3}, 2.0);
  const NamedTensors given = {{"head.bias", bias}, {"head.weigth", at::zeros({3, 2})}};
  EXPECT_FALSE(load_weights(model, given).ok());
  const auto report = load_weights(model, given, {.strict = false});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->unexpected, (std::vector<std::string>{"head.weigth"}));
  EXPECT_EQ(report->missing.size(), weights_of(model).size() - 1);
  EXPECT_NE(report->text().find("head.weigth  (nearest: head.weight)"), std::string::npos);
  EXPECT_TRUE(model.named_parameters()["head.bias"].equal(bias));
  // Another shape is never meant.
  EXPECT_FALSE(load_weights(model, {{"head.bias", at::zeros({4})}}, {.strict = false}).ok());
}

TEST(NamedTensorsTest, TiedTensorsStandOnceAndAreTiedAgain) {
  const at::Tensor shared = at::ones({2}), other = at::ones({2});
  const UntiedTensors untied =
      separate_tied({{"z", shared}, {"b", shared}, {"c", other}, {"d", shared.slice(0, 0, 1)}});
  ASSERT_EQ(untied.tensors.size(), 3u);
  EXPECT_EQ(untied.tensors[0].first, "b");
  EXPECT_EQ(untied.tied, (SafetensorsMetadata{{"z", "b"}}));

  const auto file = read_safetensors("tests/golden/checkpoint/tied.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tensors.size(), 1u);
  const NamedTensors tied = restore_tied(*file);
  ASSERT_EQ(tied.size(), 2u);
  EXPECT_EQ(tied[0].first, "embedding.weight");
  EXPECT_EQ(tied[1].first, "head.weight");
  EXPECT_TRUE(tied[1].second.is_alias_of(tied[0].second));
}

TEST(WeightsTest, WhatAFileCallsTiedNeedNotBeTiedInTheModel) {
  const auto layer = [] { return torch::nn::Linear(torch::nn::LinearOptions(3, 5).bias(false)); };
  torch::nn::Sequential model({{"embedding", layer()}, {"head", layer()}});
  const absl::Status status = load_weights(*model, "tests/golden/checkpoint/tied.safetensors");
  ASSERT_TRUE(status.ok()) << status;
  const auto parameters = model->named_parameters();
  EXPECT_TRUE(parameters["head.weight"].equal(parameters["embedding.weight"]));
  EXPECT_FALSE(parameters["head.weight"].is_alias_of(parameters["embedding.weight"]));
}

TEST(WeightsTest, TiedWeightsMayComeUnderEitherName) {
  struct Tied : torch::nn::Module {
    Tied() {
      weight = register_parameter("embedding", at::randn({3, 2}));
      register_parameter("head", weight);
    }
    at::Tensor weight;
  } model;
  EXPECT_TRUE(load_weights(model, {{"head", at::ones({3, 2})}}).ok());
  EXPECT_TRUE(model.weight.equal(at::ones({3, 2})));
  EXPECT_FALSE(load_weights(model, NamedTensors()).ok());
}

}  // namespace
}  // namespace composer
