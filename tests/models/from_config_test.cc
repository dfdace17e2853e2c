#include "models/from_config.h"

#include <gtest/gtest.h>

#include "composer/base/status.h"
#include "composer/core/model.h"
#include "google/protobuf/text_format.h"
#include "models/cnn.h"
#include "models/mlp.h"
#include "models/mlp_encoder.h"
#include "proto/model.pb.h"

namespace composer {
namespace {

absl::StatusOr<std::shared_ptr<ComposerModel>> build(const std::string& text) {
  config::Model config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config));
  return build_model(config);
}

TEST(ModelFromConfigTest, BuildsEachModel) {
  const auto mlp = build("mlp { input_size: 4 hidden_sizes: [8, 6] num_classes: 3 }");
  ASSERT_TRUE(mlp.ok()) << mlp.status();
  EXPECT_NE(dynamic_cast<Mlp*>(mlp->get()), nullptr);
  EXPECT_EQ((*mlp)->named_parameters()["layers.2.weight"].size(0), 6);

  const auto cnn = build("cnn {}");
  ASSERT_TRUE(cnn.ok()) << cnn.status();
  EXPECT_EQ((*cnn)->named_parameters()["blocks.2.conv.weight"].size(0), 128);
  EXPECT_TRUE((*cnn)->named_parameters()["blocks.2.conv.weight"].is_contiguous(
      at::MemoryFormat::ChannelsLast));
  const auto contiguous = build("cnn { channels: 5 memory_format: CONTIGUOUS }");
  ASSERT_TRUE(contiguous.ok());
  EXPECT_TRUE((*contiguous)->named_parameters()["blocks.0.conv.weight"].is_contiguous());

  const auto encoder = build("mlp_encoder { output_dim: 7 }");
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  EXPECT_EQ((*encoder)->named_parameters()["embedding.weight"].size(0), 768);
  EXPECT_EQ((*encoder)->named_parameters()["fc2.weight"].size(0), 7);
}

TEST(ModelFromConfigTest, BuildsByRegisteredName) {
  const auto model = build_model("MLPEncoder", "input_dim: 1000 hidden_dim: 256");
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_NE(dynamic_cast<MLPEncoder*>(model->get()), nullptr);
  EXPECT_EQ((*model)->named_parameters()["embedding.weight"].sizes(), at::IntArrayRef({1000, 256}));
  EXPECT_TRUE(build_model("composer.config.MLPEncoder", "").ok());
}

TEST(ModelFromConfigTest, ErrorsNameWhatIsWrong) {
  const auto field = [](const std::string& text) { return field_of(build(text).status()); };
  EXPECT_EQ(field("mlp { num_classes: 3 }"), "mlp.input_size");
  EXPECT_EQ(field("mlp { input_size: 1 hidden_sizes: [3, 0] num_classes: 3 }"),
            "mlp.hidden_sizes[1]");
  EXPECT_EQ(field("cnn { channels: -1 }"), "cnn.channels[0]");
  EXPECT_EQ(field("mlp_encoder { hidden_dim: 0 }"), "mlp_encoder.hidden_dim");
  EXPECT_FALSE(build("").ok());

  const auto unknown = build_model("Transformer", "");
  EXPECT_NE(unknown.status().message().find("composer.config.MLPEncoder"), std::string::npos);
  const auto misspelt = build_model("MLPEncoder", "\n  hidden_dims: 3");
  EXPECT_EQ(misspelt.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(misspelt.status().message().find("2:"), std::string::npos) << misspelt.status();
  EXPECT_NE(misspelt.status().message().find("hidden_dims"), std::string::npos);
}

}  // namespace
}  // namespace composer
