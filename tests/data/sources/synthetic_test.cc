#include "composer/data/sources/synthetic.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "composer/base/status.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

config::Synthetic images(int64_t samples = 1000) {
  config::Synthetic config;
  config.set_num_samples(samples);
  config.add_shape(3);
  config.add_shape(5);
  return config;
}

config::Synthetic text() {
  config::Synthetic config;
  config.set_num_samples(500);
  config.add_shape(33);
  config.set_vocabulary_size(50);
  return config;
}

Batch all_of(const config::Synthetic& config, int64_t memory_limit = Synthetic::kMemoryLimit) {
  const auto dataset = Synthetic::create(config, memory_limit);
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  std::vector<int64_t> indices(config.num_samples());
  std::iota(indices.begin(), indices.end(), 0);
  return (*dataset)->get_batch(indices);
}

void expect_equal(const Batch& a, const Batch& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(at::equal(tensor, b.at(name))) << name;
}

TEST(SyntheticTest, HasTheShapesAndTypesOfTheConfig) {
  const Batch batch = all_of(images());
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{1000, 3, 5}));
  EXPECT_EQ(batch.at("input").scalar_type(), at::kFloat);
  EXPECT_EQ(batch.at("target").sizes(), (at::IntArrayRef{1000}));
  EXPECT_EQ(batch.at("target").scalar_type(), at::kLong);
}

TEST(SyntheticTest, IsAFunctionOfSeedAndIndex) {
  for (config::Synthetic config : {images(), text()}) {
    const Batch batch = all_of(config);
    expect_equal(batch, all_of(config));
    // What comes before and how many there are changes no sample.
    config.set_num_samples(2 * config.num_samples());
    const Batch longer = all_of(config);
    const std::string name(batch.input_name());
    EXPECT_TRUE(at::equal(longer.at(name).slice(0, 0, batch.num_samples()), batch.at(name)));
    config.set_num_samples(batch.num_samples());
    config.set_seed(1);
    EXPECT_FALSE(at::equal(all_of(config).at(name), batch.at(name)));
  }
}

TEST(SyntheticTest, IsTheSameHeldInMemoryAndMadePerBatch) {
  for (const config::Synthetic& config : {images(), text()}) {
    expect_equal(all_of(config), all_of(config, /*memory_limit=*/0));
    const auto made = Synthetic::create(config, 0);
    const auto held = Synthetic::create(config);
    expect_equal((*held)->get_batch({499, 3, 3, 0}), (*made)->get_batch({499, 3, 3, 0}));
  }
}

TEST(SyntheticTest, HasNoEqualSamples) {
  const at::Tensor input = all_of(images()).at("input").flatten(1);
  EXPECT_EQ(std::get<0>(at::unique_dim(input, 0)).size(0), 1000);
}

TEST(SyntheticTest, HasClassesThatCanBeLearnt) {
  const Batch batch = all_of(images(2000));
  const at::Tensor input = batch.at("input").flatten(1);
  const at::Tensor target = batch.at("target");
  EXPECT_TRUE(at::equal(at::bincount(target), at::full({10}, 200, at::kLong)));
  // Class means of one half classify the other: 15 features, far above the tenth of chance.
  std::vector<at::Tensor> means;
  for (int64_t label = 0; label < 10; ++label) {
    means.push_back(input.slice(0, label, 1000, 10).mean(0));
  }
  const at::Tensor distance = at::cdist(input.slice(0, 1000), at::stack(means));
  const double accuracy =
      distance.argmin(1).eq(target.slice(0, 1000)).to(at::kDouble).mean().item<double>();
  EXPECT_GT(accuracy, 0.6);
  EXPECT_LT(accuracy, 0.999);
}

TEST(SyntheticTest, HasNoiseOfUnitVarianceAroundMeansWithinOne) {
  config::Synthetic config = images(20000);
  config.set_num_classes(2);
  const at::Tensor first = all_of(config).at("input").flatten(1).slice(0, 0, 20000, 2);
  EXPECT_LT(first.mean(0).abs().max().item<double>(), 1.05);
  EXPECT_NEAR(first.var(0).mean().item<double>(), 1, 0.02);
}

TEST(SyntheticTest, GivesTokensAndLabelsWithAVocabulary) {
  const Batch batch = all_of(text());
  EXPECT_FALSE(batch.contains("input"));
  const at::Tensor ids = batch.at("input_ids");
  EXPECT_EQ(ids.sizes(), (at::IntArrayRef{500, 33}));
  EXPECT_EQ(batch.num_tokens(), 500 * 33);
  EXPECT_EQ(ids.scalar_type(), at::kLong);
  EXPECT_EQ(ids.min().item<int64_t>(), 0);
  EXPECT_EQ(ids.max().item<int64_t>(), 49);
  const at::Tensor counts = at::bincount(ids.flatten());
  EXPECT_GT(counts.min().item<int64_t>(), 230);
  EXPECT_LT(counts.max().item<int64_t>(), 430);
  EXPECT_TRUE(at::equal(batch.at("labels"), ids.remainder(10)));
}

TEST(SyntheticTest, HoldsNothingAboveTheLimit) {
  config::Synthetic config = images(int64_t{1} << 40);
  const auto dataset = Synthetic::create(config);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->size(), int64_t{1} << 40);
  const TensorDict sample = (*dataset)->get((int64_t{1} << 40) - 1);
  EXPECT_EQ(sample.at("input").sizes(), (at::IntArrayRef{3, 5}));
  EXPECT_THROW((*dataset)->get(int64_t{1} << 40), c10::IndexError);
}

TEST(SyntheticTest, NamesTheFieldThatIsWrong) {
  const auto field = [](const config::Synthetic& config) {
    return field_of(Synthetic::create(config).status());
  };
  config::Synthetic config;
  EXPECT_EQ(field(config), "shape");
  config = images();
  config.set_shape(1, 0);
  EXPECT_EQ(field(config), "shape[1]");
  config = images();
  config.set_shape(0, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(field(config), "shape");
  config = images();
  config.set_num_samples(0);
  EXPECT_EQ(field(config), "num_samples");
  config = images();
  config.set_num_classes(0);
  EXPECT_EQ(field(config), "num_classes");
  config = text();
  config.add_shape(2);
  EXPECT_EQ(field(config), "shape");
  config.set_vocabulary_size(-1);
  EXPECT_EQ(field(config), "vocabulary_size");
}

}  // namespace
}  // namespace composer
