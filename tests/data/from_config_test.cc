#include "composer/data/from_config.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "composer/base/status.h"
#include "google/protobuf/text_format.h"
#include "proto/data.pb.h"

namespace composer {
namespace {

config::DataLoader parse(const std::string& text) {
  config::DataLoader config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return config;
}

TEST(FromConfigTest, BuildsADatasetAndItsLoader) {
  const auto loader = build_loader(
      parse("dataset { synthetic { num_samples: 100 shape: [3, 4] } } batch_size: 32"), {});
  ASSERT_TRUE(loader.ok()) << loader.status();
  EXPECT_EQ((*loader)->batch_size(), 32);
  EXPECT_EQ((*loader)->batches_per_epoch(), 4);
  EXPECT_EQ((*loader)->next()->at("input").sizes(), (at::IntArrayRef{32, 3, 4}));
}

TEST(FromConfigTest, PassesOnTheOptionsOfTheLoader) {
  const auto loader = build_loader(parse("dataset { synthetic { num_samples: 100 shape: 1 } } "
                                         "batch_size: 32 drop_last: true subset_num_batches: 2"),
                                   {.rank = 1, .world_size = 4});
  ASSERT_TRUE(loader.ok()) << loader.status();
  EXPECT_EQ((*loader)->batches_per_epoch(), 2);
  EXPECT_EQ((*loader)->next()->num_samples(), 8);
}

TEST(FromConfigTest, ShufflesByTheConfigThenByTheContext) {
  const auto first_targets = [](const std::string& text, const LoaderContext& context) {
    const auto loader = build_loader(
        parse("dataset { synthetic { shape: 1 num_classes: 1024 } } batch_size: 64 " + text),
        context);
    return (*loader)->next()->at("target");
  };
  const at::Tensor in_order = at::arange(64);
  EXPECT_TRUE(at::equal(first_targets("", {}), in_order));
  EXPECT_FALSE(at::equal(first_targets("", {.shuffle_by_default = true}), in_order));
  EXPECT_TRUE(at::equal(first_targets("shuffle: false", {.shuffle_by_default = true}), in_order));
  EXPECT_FALSE(at::equal(first_targets("shuffle: true", {}), in_order));
  EXPECT_FALSE(at::equal(first_targets("shuffle: true", {.seed = 1}),
                         first_targets("shuffle: true", {.seed = 2})));
}

TEST(FromConfigTest, BuildsWhatAPluginFieldNames) {
  config::Synthetic synthetic;
  synthetic.add_shape(2);
  config::Dataset config;
  config.mutable_plugin()->PackFrom(synthetic);
  const auto dataset = build_dataset(config);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->name(), "synthetic");
  EXPECT_EQ((*dataset)->size(), 1024);
}

TEST(FromConfigTest, SaysWhichFieldIsWrong) {
  const auto field = [](const std::string& text) {
    const auto loader = build_loader(parse(text), {});
    EXPECT_EQ(loader.status().code(), absl::StatusCode::kInvalidArgument) << loader.status();
    return field_of(loader.status());
  };
  EXPECT_EQ(field("batch_size: 1"), "dataset");
  EXPECT_EQ(field("dataset { synthetic { shape: 1 } }"), "batch_size");
  EXPECT_EQ(field("dataset { synthetic { shape: 1 } } batch_size: 2000"), "batch_size");
  EXPECT_EQ(field("dataset { synthetic {} } batch_size: 1"), "dataset.synthetic.shape");
  EXPECT_EQ(field("dataset { fashion_mnist { dir: '/nowhere' } } batch_size: 1"),
            "dataset.fashion_mnist.dir");
  EXPECT_EQ(field("dataset { plugin {} } batch_size: 1"), "dataset.plugin");
}

}  // namespace
}  // namespace composer
