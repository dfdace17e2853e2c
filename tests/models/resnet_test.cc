// The residual networks against torchvision's.

#include "models/resnet.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "composer/checkpoint/weights.h"
#include "models/from_config.h"
#include "tests/testing/formula.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

using testing::formula;
using testing::relative_error;
using testing::set_by_formula;

class ResNetTest : public ::testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

const TensorDict& golden() {
  static const TensorDict tensors = testing::read_golden("tests/golden/models/resnet.txt");
  return tensors;
}

ResNetOptions options_of(int64_t depth) {
  ResNetOptions options = resnet_of_depth(depth);
  options.num_classes = 10;
  return options;
}

// "conv1.weight 64 3 7 7"
std::vector<std::string> described(const torch::nn::Module& model) {
  std::vector<std::string> lines;
  for (const auto& [name, tensor] : weights_of(model)) {
    std::ostringstream line;
    line << name;
    for (const int64_t size : tensor.sizes()) line << " " << size;
    lines.push_back(line.str());
  }
  return lines;
}

TEST_P(ResNetTest, NamesAndSizesAreTorchvisions) {
  const ResNet model(options_of(GetParam()));
  std::vector<std::string> expected;
  std::ifstream file("tests/golden/models/resnet_names.txt");
  std::string depth, line;
  while (file >> depth && std::getline(file >> std::ws, line)) {
    if (depth == std::to_string(GetParam())) expected.push_back(line);
  }
  ASSERT_FALSE(expected.empty());
  EXPECT_THAT(described(model), ::testing::UnorderedElementsAreArray(expected));
}

TEST_P(ResNetTest, ComputesTorchvisionsLogitsAndGradients) {
  const std::string name = std::to_string(GetParam()) + "/";
  ResNet model(options_of(GetParam()));
  model.to(at::kDouble);
  set_by_formula(model);
  const int64_t size = GetParam() == 20 || GetParam() == 56 ? 16 : 64;
  const at::Tensor images = formula("images", {4, 3, size, size}).to(at::kDouble) * 4;
  const at::Tensor logits = model.logits(images);
  EXPECT_LT(relative_error(logits, golden().at(name + "training")), 1e-10);
  logits.pow(2).mean().backward();
  EXPECT_LT(relative_error(model.named_parameters()["conv1.weight"].grad().narrow(0, 0, 2),
                           golden().at(name + "gradient")),
            1e-8);
  set_by_formula(model);
  model.eval();
  EXPECT_LT(relative_error(model.logits(images), golden().at(name + "evaluation")), 1e-10);
}

INSTANTIATE_TEST_SUITE_P(Depths, ResNetTest, ::testing::Values(18, 34, 50, 101, 20, 56),
                         [](const auto& info) { return std::to_string(info.param); });

TEST(ResNetWeightsTest, TorchvisionsFileIsLoadedByName) {
  ResNetOptions options = resnet_of_depth(20);
  options.width = 2;
  ResNet model(options);
  const absl::Status loaded =
      load_weights(model, std::string("tests/golden/models/resnet.safetensors"));
  ASSERT_TRUE(loaded.ok()) << loaded;
  model.eval();
  EXPECT_LT(relative_error(model.logits(golden().at("file/input")), golden().at("file/logits")),
            1e-5);
}

TEST(ResNetWeightsTest, StartAsTorchvisions) {
  at::manual_seed(2);
  ResNetOptions options = resnet_of_depth(18);
  options.zero_init_residual = true;
  const ResNet model(options);
  const auto parameters = model.named_parameters();
  // Kaiming's normal distribution by the output: sqrt(2 / (channels * size * size)).
  const at::Tensor conv = parameters["layer3.0.conv2.weight"];
  EXPECT_NEAR(conv.std().item<double>(), std::sqrt(2.0 / (256 * 9)), 2e-4);
  EXPECT_NEAR(conv.mean().item<double>(), 0, 2e-4);
  EXPECT_TRUE(parameters["bn1.weight"].equal(at::ones({64})));
  EXPECT_TRUE(parameters["layer1.0.bn1.bias"].equal(at::zeros({64})));
  EXPECT_TRUE(parameters["layer1.0.bn1.weight"].equal(at::ones({64})));
  EXPECT_TRUE(parameters["layer1.0.bn2.weight"].equal(at::zeros({64})));
  // PyTorch's linear layer: uniform within 1 / sqrt(inputs).
  EXPECT_LE(parameters["fc.weight"].abs().max().item<double>(), 1 / std::sqrt(512.0));
  EXPECT_NEAR(parameters["fc.weight"].std().item<double>(), 1 / std::sqrt(3 * 512.0), 1e-4);
  const ResNet plain(resnet_of_depth(20));
  EXPECT_TRUE(plain.named_parameters()["layer1.0.bn2.weight"].equal(at::ones({16})));
}

TEST(ResNetConfigTest, FieldsReachTheModel) {
  const auto model = build_model("ResNet",
                                 "depth: 20 in_channels: 1 num_classes: 7 width: 4 "
                                 "zero_init_residual: true memory_format: CONTIGUOUS");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto parameters = (*model)->named_parameters();
  EXPECT_EQ(parameters["conv1.weight"].sizes(), at::IntArrayRef({4, 1, 3, 3}));
  EXPECT_EQ(parameters["fc.weight"].sizes(), at::IntArrayRef({7, 16}));
  EXPECT_EQ(parameters["layer3.2.bn2.weight"].max().item<double>(), 0);
  EXPECT_TRUE(parameters["layer1.0.conv1.weight"].is_contiguous());
  const auto usual = build_model("ResNet", "depth: 18");
  ASSERT_TRUE(usual.ok());
  EXPECT_EQ((*usual)->named_parameters()["fc.weight"].sizes(), at::IntArrayRef({1000, 512}));
  EXPECT_TRUE((*usual)->named_parameters()["layer1.0.conv1.weight"].is_contiguous(
      at::MemoryFormat::ChannelsLast));
}

TEST(ResNetConfigTest, AnUnknownDepthIsRefusedWithThoseThatThereAre) {
  const auto model = build_model("ResNet", "depth: 19");
  EXPECT_THAT(std::string(model.status().message()),
              ::testing::HasSubstr("there is no ResNet of depth 19; those for ImageNet have 18"));
}

TEST(ResNetConfigTest, OnlyImagesAreTaken) {
  ResNet model(resnet_of_depth(20));
  EXPECT_THROW(model.logits(at::randn({2, 784})), c10::ValueError);
}

}  // namespace
}  // namespace composer
