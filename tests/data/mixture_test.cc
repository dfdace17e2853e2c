#include "composer/data/mixture.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "absl/strings/match.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/image_dataset.h"
#include "composer/data/samplers/sample_weights.h"
#include "composer/data/tensor_dataset.h"
#include "google/protobuf/text_format.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

constexpr auto kFirst = MixtureSamplerOptions::Stop::kFirstExhausted;

// Sample i is the number first + i, twice.
std::shared_ptr<const Dataset> numbers(int64_t first, int64_t count, const std::string& name) {
  const at::Tensor values = at::arange(first, first + count);
  return std::make_shared<TensorDataset>(
      TensorDict{{"input", values.view({count, 1}).expand({count, 2}).contiguous()},
                 {"target", values}},
      name);
}

std::shared_ptr<Dataset> make(std::vector<MixturePart> parts) {
  auto mixture = make_mixture(std::move(parts), kFirst);
  EXPECT_TRUE(mixture.ok()) << mixture.status();
  return *mixture;
}

absl::Status error_of(std::vector<MixturePart> parts) {
  return make_mixture(std::move(parts), kFirst).status();
}

TEST(MixtureTest, NumbersTheSamplesOfItsPartsOneAfterTheOther) {
  const auto mixture = make({{numbers(0, 3, "a")}, {numbers(100, 2, "b")}, {numbers(200, 4, "c")}});
  EXPECT_EQ(mixture->size(), 9);
  EXPECT_EQ(mixture->name(), "mixture of a and b and c");
  const std::vector<int64_t> all = {0, 1, 2, 100, 101, 200, 201, 202, 203};
  for (int64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(mixture->get(i).at("target").item<int64_t>(), all[i]);
  }
  EXPECT_THROW(mixture->get(9), c10::IndexError);
  EXPECT_THROW(mixture->get_batch({-1}), c10::IndexError);
}

TEST(MixtureTest, KeepsTheOrderOfTheSamplesInABatch) {
  const auto mixture = make({{numbers(0, 3, "a")}, {numbers(100, 2, "b")}, {numbers(200, 4, "c")}});
  const Batch batch = mixture->get_batch({5, 0, 4, 8, 0, 3, 2});
  EXPECT_TRUE(at::equal(batch.at("target"), at::tensor({200, 0, 101, 203, 0, 100, 2}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.at("input").select(1, 1), batch.at("target")));
  EXPECT_TRUE(
      at::equal(mixture->get_batch({6, 5}).at("target"), at::tensor({201, 200}, at::kLong)));
  EXPECT_TRUE(mixture->get_batch({}).empty());
}

TEST(MixtureTest, HasAnOrderInItsProportions) {
  const auto mixture = make({{numbers(0, 30, "a"), 2}, {numbers(100, 60, "b"), 1}});
  const auto sampler = mixture->make_sampler(5, true);
  ASSERT_NE(sampler, nullptr);
  EXPECT_EQ(sampler->size(), 45);
  std::vector<int64_t> order(45);
  sampler->order(0)->fill(0, absl::MakeSpan(order));
  EXPECT_EQ(std::count_if(order.begin(), order.end(), [](int64_t i) { return i < 30; }), 30);
  // By size, without proportions.
  EXPECT_EQ(make({{numbers(0, 30, "a")}, {numbers(100, 60, "b")}})->make_sampler(5, true)->size(),
            90);
  EXPECT_EQ(numbers(0, 3, "a")->make_sampler(5, true), nullptr);
}

TEST(MixtureTest, SaysWhichPartIsWrong) {
  EXPECT_EQ(field_of(error_of({})), "parts");
  EXPECT_EQ(field_of(error_of({{numbers(0, 3, "a"), 1}, {numbers(0, 3, "b")}})),
            "parts[1].proportion");
  EXPECT_EQ(field_of(error_of({{numbers(0, 3, "a")}, {numbers(0, 3, "b"), 1}})),
            "parts[1].proportion");
  EXPECT_EQ(field_of(error_of({{numbers(0, 3, "a"), 0}})), "parts[0].proportion");
  EXPECT_EQ(field_of(error_of({{numbers(0, 3, "a")}, {nullptr}})), "parts[1].dataset");
  EXPECT_EQ(field_of(error_of({{numbers(0, 3, "a")}, {numbers(0, 0, "b")}})), "parts[1].dataset");
  const absl::Status nested = error_of({{make({{numbers(0, 3, "a")}})}});
  EXPECT_EQ(field_of(nested), "parts[0].dataset");
  EXPECT_TRUE(absl::StrContains(nested.message(), "list its parts here"));
}

TEST(MixtureTest, RefusesPartsThatAreNotAlike) {
  const auto of = [](const TensorDict& tensors, const std::string& name) {
    return MixturePart{std::make_shared<TensorDataset>(tensors, name)};
  };
  const absl::Status types = error_of(
      {of({{"x", at::zeros({3, 2})}}, "a"), of({{"x", at::zeros({3, 2}, at::kLong)}}, "b")});
  EXPECT_EQ(field_of(types), "parts[1].dataset");
  EXPECT_EQ(types.message(),
            "samples of a and b cannot be mixed: `x` is float [2] and long int [2]");
  EXPECT_EQ(
      error_of({of({{"x", at::zeros({3, 2})}}, "a"), of({{"x", at::zeros({3})}}, "b")}).message(),
      "samples of a and b cannot be mixed: `x` is float [2] and float []");
  EXPECT_TRUE(absl::StrContains(
      error_of({of({{"x", at::zeros({3})}}, "a"), of({{"y", at::zeros({3})}}, "b")}).message(),
      "there is no `y` in the first"));
  // Samples of different sizes may be padded; stacked they are an error that names both.
  const auto mixture =
      make({of({{"x", at::zeros({3, 2})}}, "a"), of({{"x", at::zeros({3, 5})}}, "b")});
  EXPECT_EQ(mixture->get(4).at("x").sizes(), (at::IntArrayRef{5}));
  try {
    mixture->get_batch({0, 4});
    FAIL();
  } catch (const c10::ValueError& error) {
    EXPECT_TRUE(absl::StrContains(
        error.what(), "batches of a and b cannot be mixed: `x` is float [1, 2] and float [1, 5]"))
        << error.what();
  }
}

class Broken final : public Dataset {
 public:
  int64_t size() const override { return 10; }
  TensorDict get(int64_t) const override { throw std::runtime_error("/data/b: byte 17"); }
  std::string name() const override { return "broken"; }
};

TEST(MixtureTest, SaysWhichPartCouldNotBeRead) {
  const auto mixture = make({{numbers(0, 3, "a")}, {std::make_shared<Broken>()}});
  const absl::Status batch = catch_exceptions([&] { mixture->get_batch({0, 4}); });
  EXPECT_EQ(batch.message(), "broken: sample 1: /data/b: byte 17");
  const absl::Status sample = catch_exceptions([&] { mixture->get(4); });
  EXPECT_EQ(sample.message(), "broken, sample 1: /data/b: byte 17");
}

class Learning final : public Dataset {
 public:
  Learning(std::string text, bool own) : text_(std::move(text)), own_(own) {}
  int64_t size() const override { return 1; }
  TensorDict get(int64_t) const override { return {{"x", at::zeros({1})}}; }
  std::string name() const override { return "table"; }
  std::optional<Learnt> learnt() const override { return Learnt{text_, own_}; }

 private:
  std::string text_;
  bool own_;
};

TEST(MixtureTest, LearnsOneThing) {
  const auto table = [](const std::string& text, bool own) {
    return MixturePart{std::make_shared<Learning>(text, own)};
  };
  const MixturePart plain = {
      std::make_shared<TensorDataset>(TensorDict{{"x", at::zeros({3, 1})}}, "plain")};
  EXPECT_FALSE(make({plain, plain})->learnt().has_value());
  EXPECT_EQ(make({plain, table("{1}", false)})->learnt()->text, "{1}");
  EXPECT_FALSE(make({table("{1}", false), table("{1}", false)})->learnt()->from_own_samples);
  EXPECT_TRUE(make({table("{1}", true), table("{1}", false)})->learnt()->from_own_samples);
  EXPECT_EQ(field_of(error_of({table("{1}", false), plain, table("{2}", false)})),
            "parts[2].dataset");
}

// Images of one value, with their number as target.
class Images final : public ImageDataset {
 public:
  Images(int64_t first, int64_t count, ChannelStatistics statistics)
      : first_(first), count_(count), statistics_(std::move(statistics)) {}
  int64_t size() const override { return count_; }
  std::string name() const override { return "images from " + std::to_string(first_); }
  ImageView image(int64_t index, std::vector<uint8_t>& storage) const override {
    const auto channels = static_cast<int64_t>(statistics_.mean.size());
    storage.assign(channels * 6, static_cast<uint8_t>(first_ + index));
    return planar_image(storage.data(), channels, 2, 3);
  }
  Batch companions(absl::Span<const int64_t> indices) const override {
    std::vector<int64_t> targets;
    for (const int64_t index : indices) targets.push_back(first_ + index);
    return {{"target", at::tensor(targets, at::kLong)}};
  }
  const ChannelStatistics& statistics() const override { return statistics_; }

 private:
  int64_t first_, count_;
  ChannelStatistics statistics_;
};

MixturePart images(int64_t first, int64_t count, ChannelStatistics statistics,
                   std::optional<double> proportion = std::nullopt) {
  return {std::make_shared<Images>(first, count, std::move(statistics)), proportion};
}

TEST(MixtureTest, OfImagesIsADatasetOfImages) {
  const auto mixture = make({images(0, 3, {{0.5}, {0.25}}), images(100, 2, {{0.5}, {0.25}})});
  const auto* dataset = dynamic_cast<const ImageDataset*>(mixture.get());
  ASSERT_NE(dataset, nullptr);
  std::vector<uint8_t> storage;
  EXPECT_EQ(dataset->image(1, storage).data[0], 1);
  EXPECT_EQ(dataset->image(4, storage).data[5], 101);
  EXPECT_TRUE(
      at::equal(dataset->companions({3, 1, 4}).at("target"), at::tensor({100, 1, 101}, at::kLong)));
  EXPECT_EQ(dataset->statistics().mean, (std::vector<double>{0.5}));
  EXPECT_EQ(dataset->statistics().std, (std::vector<double>{0.25}));
  EXPECT_NE(mixture->make_sampler(1, true), nullptr);
  const Batch batch = mixture->get_batch({4, 0});
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{2, 1, 2, 3}));
  EXPECT_FLOAT_EQ(batch.at("input")[0][0][0][0].item<float>(), (101 / 255.0f - 0.5f) / 0.25f);
  // A part that is none makes it one of tensors.
  EXPECT_EQ(dynamic_cast<const ImageDataset*>(
                make({images(0, 3, {{0.5}, {0.25}}),
                      {std::make_shared<TensorDataset>(TensorDict{
                          {"input", at::zeros({4, 1, 2, 3})}, {"target", at::arange(4)}})}})
                    .get()),
            nullptr);
}

// Two values a and b, in parts p and 1 - p: mean and deviation of their mixture.
TEST(MixtureTest, PoolsTheStatisticsOfImages) {
  const auto mixture =
      make({images(0, 30, {{0.2, 0.1}, {0.1, 0}}, 1), images(100, 20, {{0.6, 0.3}, {0.3, 0}}, 3)});
  const ChannelStatistics& pooled = dynamic_cast<const ImageDataset&>(*mixture).statistics();
  EXPECT_NEAR(pooled.mean[0], 0.5, 1e-12);
  EXPECT_NEAR(pooled.std[0], std::sqrt(0.25 * 0.01 + 0.75 * 0.09 + 0.25 * 0.75 * 0.16), 1e-12);
  EXPECT_NEAR(pooled.mean[1], 0.25, 1e-12);
  EXPECT_NEAR(pooled.std[1], std::sqrt(0.25 * 0.75) * 0.2, 1e-12);
  EXPECT_EQ(field_of(error_of({images(0, 3, {{0}, {1}}), images(0, 3, {{0, 0, 0}, {1, 1, 1}})})),
            "parts[1].dataset");
}

TEST(MixtureTest, WeighsImagesByClassWithoutReadingThem) {
  const auto mixture = make({images(0, 2, {{0}, {1}}), images(1, 2, {{0}, {1}})});
  EXPECT_EQ(weights_by_class(*mixture, {5, 6, 7}).value(), (std::vector<double>{5, 6, 6, 7}));
}

TEST(MixtureTest, ComesFromAConfig) {
  const auto build = [](const std::string& text) {
    config::Mixture config;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
    return Mixture::create(config);
  };
  const std::string parts =
      "parts { dataset { synthetic { num_samples: 10 shape: 1 } } proportion: 1 } "
      "parts { dataset { synthetic { num_samples: 30 shape: 1 seed: 3 } } proportion: 1 }";
  const auto first = build(parts);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->size(), 40);
  EXPECT_EQ((*first)->make_sampler(0, true)->size(), 20);
  EXPECT_EQ((*build(parts + " stop: LAST_EXHAUSTED"))->make_sampler(0, true)->size(), 60);
  EXPECT_EQ(field_of(build("parts { dataset { synthetic {} } }").status()),
            "parts[0].dataset.synthetic.shape");
  EXPECT_EQ(field_of(build("parts {}").status()), "parts[0].dataset");
}

}  // namespace
}  // namespace composer
