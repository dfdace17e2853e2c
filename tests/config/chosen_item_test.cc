#include "composer/config/chosen_item.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "composer/base/registry.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "proto/dataset.pb.h"

namespace composer {

struct Parcel {
  std::string content;
};

template <>
struct RegistryTraits<Parcel> {
  static absl::string_view kind() { return "parcel"; }
  using Factory =
      std::function<absl::StatusOr<std::unique_ptr<Parcel>>(const google::protobuf::Message&, int)>;
};

namespace {

struct SyntheticParcel {
  using Config = config::Synthetic;
  static absl::StatusOr<std::unique_ptr<Parcel>> create(const Config& config, int extra) {
    if (config.num_classes() < 0) return field_error("num_classes", "negative");
    return std::make_unique<Parcel>(Parcel{std::to_string(config.num_classes() + extra)});
  }
};
COMPOSER_REGISTER(Parcel, SyntheticParcel);

TEST(ChosenItemTest, IsTheMemberThatIsSet) {
  config::Dataset dataset;
  dataset.mutable_fashion_mnist()->set_dir("somewhere");
  const absl::StatusOr<ChosenItem> item = chosen_item(dataset);
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->field, "fashion_mnist");
  EXPECT_EQ(item->message, &dataset.fashion_mnist());
  EXPECT_EQ(item->unpacked, nullptr);
}

TEST(ChosenItemTest, UnpacksAnAnyIntoTheTypeThatItNames) {
  config::Synthetic synthetic;
  synthetic.set_num_classes(7);
  config::Dataset dataset;
  dataset.mutable_plugin()->PackFrom(synthetic);
  const absl::StatusOr<ChosenItem> item = chosen_item(dataset);
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->field, "plugin");
  ASSERT_EQ(item->message->GetDescriptor(), config::Synthetic::descriptor());
  EXPECT_EQ(static_cast<const config::Synthetic*>(item->message)->num_classes(), 7);
}

TEST(ChosenItemTest, ListsTheMembersWhenNoneIsSet) {
  const absl::Status status = chosen_item(config::Dataset()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      status.message(),
      "no dataset is chosen; write one of fashion_mnist, synthetic, mnist, cifar10, cifar100, "
      "image_folder, csv, numpy, safetensors, text, sentencepiece, tokens, mds, json_lines, "
      "bible_kjv, mixture, plugin");
}

TEST(ChosenItemTest, NamesAnUnknownTypeOfAnAny) {
  config::Dataset dataset;
  dataset.mutable_plugin()->set_type_url("type.googleapis.com/my.Own");
  const absl::Status status = chosen_item(dataset).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(field_of(status), "plugin");
  EXPECT_TRUE(absl::StrContains(status.message(), "my.Own")) << status;
}

TEST(ChosenItemTest, RefusesAnAnyWithoutATypeOrWithBrokenBytes) {
  config::Dataset dataset;
  dataset.mutable_plugin();
  EXPECT_EQ(field_of(chosen_item(dataset).status()), "plugin");

  dataset.mutable_plugin()->set_type_url("type.googleapis.com/composer.config.Synthetic");
  dataset.mutable_plugin()->set_value("\xff\xff");
  const absl::Status status = chosen_item(dataset).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(status.message(), "composer.config.Synthetic")) << status;
}

TEST(BuildChosenTest, CallsTheFactoryOfTheMessage) {
  config::Dataset dataset;
  dataset.mutable_synthetic()->set_num_classes(3);
  const auto parcel = build_chosen<Parcel>(dataset, 4);
  ASSERT_TRUE(parcel.ok()) << parcel.status();
  EXPECT_EQ((*parcel)->content, "7");
}

TEST(BuildChosenTest, PutsTheMemberInFrontOfTheFieldOfAnError) {
  config::Dataset dataset;
  dataset.mutable_synthetic()->set_num_classes(-1);
  EXPECT_EQ(field_of(build_chosen<Parcel>(dataset, 0).status()), "synthetic.num_classes");
}

TEST(BuildChosenTest, NamesWhatIsRegisteredWhenTheItemIsNot) {
  config::Dataset dataset;
  dataset.mutable_fashion_mnist();
  const absl::Status status = build_chosen<Parcel>(dataset, 0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(field_of(status), "fashion_mnist");
  EXPECT_TRUE(absl::StrContains(status.message(), "composer.config.Synthetic")) << status;
}

}  // namespace
}  // namespace composer
