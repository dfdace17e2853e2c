#include "composer/data/dataset_batch_maker.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "composer/base/exceptions.h"
#include "composer/data/image_dataset.h"
#include "composer/data/sample_cost.h"
#include "composer/data/tensor_dataset.h"

namespace composer {
namespace {

std::shared_ptr<const Dataset> numbers(int64_t count) {
  return std::make_shared<TensorDataset>(
      TensorDict{{"input", at::arange(count, at::kFloat).unsqueeze(1)}}, "numbers");
}

// A batch's number of samples.
class Count final : public Collate {
 public:
  Batch operator()(absl::Span<const TensorDict> samples) const override {
    return {{"input", at::full({1}, static_cast<int64_t>(samples.size()))}};
  }
};

TEST(DatasetBatchMakerTest, GivesTheDatasetsOwnBatches) {
  const DatasetBatchMaker maker(numbers(10));
  EXPECT_EQ(maker.size(), 10);
  EXPECT_EQ(maker.name(), "numbers");
  EXPECT_TRUE(
      at::equal(maker.make({7, 2, 7}, 0).at("input"), at::tensor({7.f, 2.f, 7.f}).unsqueeze(1)));
}

TEST(DatasetBatchMakerTest, CollatesByTheCallersRule) {
  const DatasetBatchMaker maker(numbers(10), {.collate = std::make_shared<Count>()});
  EXPECT_EQ(maker.make({1, 2, 3}, 0).at("input").item<int64_t>(), 3);
}

TEST(DatasetBatchMakerTest, DrawsByNothingButSeedEpochAndIndex) {
  const auto add_noise = [](TensorDict& sample, CounterRandom& random) {
    sample.set("input", sample.at("input") + random.uniform());
  };
  const auto values = [&](uint64_t seed, std::vector<int64_t> indices, int64_t epoch) {
    const DatasetBatchMaker maker(numbers(10), {.transform = add_noise, .seed = seed});
    return maker.make(indices, epoch).at("input");
  };
  const at::Tensor all = values(1, {0, 1, 2, 3}, 0);
  EXPECT_TRUE(at::equal(values(1, {3, 1}, 0), all.index_select(0, at::tensor({3, 1}))));
  EXPECT_FALSE(at::equal(values(1, {0, 1, 2, 3}, 1), all));
  EXPECT_FALSE(at::equal(values(2, {0, 1, 2, 3}, 0), all));
  const at::Tensor noise = all - at::arange(4, at::kFloat).unsqueeze(1);
  EXPECT_EQ(std::get<0>(at::_unique(noise)).numel(), 4);
}

TEST(DatasetBatchMakerTest, NamesTheSampleThatATransformRefuses) {
  const auto refuse = [](TensorDict& sample, CounterRandom&) {
    if (sample.at("input").item<float>() == 5) throw std::runtime_error("no fives");
  };
  const DatasetBatchMaker maker(numbers(10), {.transform = refuse});
  try {
    maker.make({4, 5}, 0);
    FAIL();
  } catch (const StatusError& error) {
    EXPECT_EQ(error.status().message(), "sample 5: no fives");
  }
}

TEST(DatasetBatchMakerTest, KnowsWhatACopyCostsAndNothingElse) {
  const auto nanoseconds = [](int64_t values) {
    const auto rows =
        std::make_shared<TensorDataset>(TensorDict{{"input", at::zeros({2, values})}});
    return *DatasetBatchMaker(rows).nanoseconds_per_sample();
  };
  EXPECT_GT(nanoseconds(1000), 100);
  EXPECT_LT(nanoseconds(1000), 10000);
  EXPECT_NEAR(nanoseconds(100000) / nanoseconds(10000), 10, 0.5);
  EXPECT_FALSE(DatasetBatchMaker(numbers(2), {.collate = std::make_shared<Count>()})
                   .nanoseconds_per_sample()
                   .has_value());
}

// An image of `bytes` black pixels, held in memory or decoded.
class Image final : public ImageDataset {
 public:
  Image(int64_t bytes, bool decoded) : pixels_(bytes), decoded_(decoded) {}
  int64_t size() const override { return 1; }
  ImageView image(int64_t, std::vector<uint8_t>& storage) const override {
    if (decoded_) storage = pixels_;
    return planar_image(decoded_ ? storage.data() : pixels_.data(), 1, 1, pixels_.size());
  }
  Batch companions(absl::Span<const int64_t>) const override { return {}; }
  const ChannelStatistics& statistics() const override { return statistics_; }
  std::string name() const override { return "image"; }

 private:
  std::vector<uint8_t> pixels_;
  bool decoded_;
  ChannelStatistics statistics_ = {{0.5}, {0.5}};
};

TEST(DatasetBatchMakerTest, KnowsWhatImagesInMemoryCost) {
  const auto cost = [](int64_t bytes, bool decoded, bool transformed) {
    return nanoseconds_per_sample(Image(bytes, decoded), transformed);
  };
  EXPECT_NEAR(*cost(100000, false, false) / *cost(10000, false, false), 10, 0.5);
  EXPECT_GT(*cost(10000, false, true), *cost(10000, false, false));
  EXPECT_EQ(cost(10000, true, false), std::nullopt);
}

class Learning final : public Dataset {
 public:
  int64_t size() const override { return 1; }
  TensorDict get(int64_t) const override { return {{"input", at::zeros({1})}}; }
  std::string name() const override { return "learning"; }
  std::optional<Learnt> learnt() const override {
    return Learnt{.text = "{\"a\": 1}", .from_own_samples = true};
  }
};

TEST(DatasetBatchMakerTest, PassesOnWhatTheDatasetLearnt) {
  EXPECT_EQ(DatasetBatchMaker(std::make_shared<Learning>()).learnt(), "{\"a\": 1}");
  EXPECT_EQ(DatasetBatchMaker(numbers(1)).learnt(), std::nullopt);
  EXPECT_FALSE(DatasetBatchMaker(std::make_shared<Learning>()).nanoseconds_per_sample());
}

}  // namespace
}  // namespace composer
