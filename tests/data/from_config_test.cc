#include "composer/data/from_config.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/wrappers.pb.h"
#include "proto/data.pb.h"
#include "tests/data/threads.h"

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
  EXPECT_FALSE(at::equal(first_targets("", {.training = true}), in_order));
  EXPECT_TRUE(at::equal(first_targets("shuffle: false", {.training = true}), in_order));
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

TEST(FromConfigTest, PassesOnTheRestOfTheOptions) {
  const auto loader = build_loader(
      parse("dataset { synthetic { num_samples: 100 shape: 1 num_classes: 100 } } batch_size: 32 "
            "pad_last: true workers: '2' prefetch: 1 sampler { permutation {} } shuffle: true "
            "broken_samples { policy: SKIP limit: 3 }"),
      {.seed = 3});
  ASSERT_TRUE(loader.ok()) << loader.status();
  const auto plain = build_loader(
      parse("dataset { synthetic { num_samples: 100 shape: 1 num_classes: 100 } } batch_size: 32 "
            "shuffle: true"),
      {.seed = 3});
  const int before = settled_threads();
  const at::Tensor first = (*loader)->next()->at("target");
  EXPECT_EQ(count_threads(), before + 2);
  EXPECT_TRUE(at::equal(first, (*plain)->next()->at("target")));
  (*loader)->seek(0, 3);
  const at::Tensor last = (*loader)->next()->at("target");
  EXPECT_EQ(last.size(0), 32);
  EXPECT_TRUE(at::equal(last.slice(0, 4), first.slice(0, 0, 28)));
}

TEST(FromConfigTest, NeedsNoWorkersForSmallDataInMemory) {
  const auto loader = build_loader(
      parse("dataset { synthetic { num_samples: 100 shape: 10 } } batch_size: 32"), {});
  ASSERT_TRUE(loader.ok()) << loader.status();
  const int before = settled_threads();
  (*loader)->next();
  EXPECT_EQ(count_threads(), before);
}

// A dataset that learns, from its own samples or from a file.
class Learning final : public Dataset {
 public:
  using Config = google::protobuf::BoolValue;
  static absl::StatusOr<std::shared_ptr<Learning>> create(const Config& config) {
    return std::make_shared<Learning>(config.value());
  }
  explicit Learning(bool from_own_samples) : from_own_samples_(from_own_samples) {}
  int64_t size() const override { return 10; }
  TensorDict get(int64_t) const override { return {{"input", at::zeros({1})}}; }
  std::string name() const override { return "learning"; }
  std::optional<Learnt> learnt() const override { return Learnt{"{}", from_own_samples_}; }

 private:
  bool from_own_samples_;
};

COMPOSER_REGISTER(Dataset, Learning);

TEST(FromConfigTest, LetsOnlyTrainingLearnFromItsOwnSamples) {
  const auto build = [](bool from_own_samples, bool training) {
    google::protobuf::BoolValue value;
    value.set_value(from_own_samples);
    config::DataLoader config;
    config.mutable_dataset()->mutable_plugin()->PackFrom(value);
    config.set_batch_size(2);
    return build_loader(config, {.training = training});
  };
  const auto train = build(true, true);
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ((*train)->learnt(), "{}");
  EXPECT_TRUE(build(false, true).ok());
  EXPECT_TRUE(build(false, false).ok());
  const absl::Status refused = build(true, false).status();
  EXPECT_EQ(field_of(refused), "dataset");
  EXPECT_TRUE(absl::StrContains(refused.message(), "set learn_from")) << refused;
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
  const std::string synthetic = "dataset { synthetic { shape: 1 } } batch_size: 2 ";
  EXPECT_EQ(field(synthetic + "drop_last: true pad_last: true"), "pad_last");
  EXPECT_EQ(field(synthetic + "workers: 'many'"), "workers");
  EXPECT_EQ(field(synthetic + "workers: '-1'"), "workers");
  EXPECT_EQ(field(synthetic + "prefetch: 0"), "prefetch");
  EXPECT_EQ(field(synthetic + "sampler { permutation {} }"), "sampler");
  EXPECT_EQ(field(synthetic + "broken_samples { policy: SKIP limit: -1 }"), "broken_samples.limit");
}

}  // namespace
}  // namespace composer
