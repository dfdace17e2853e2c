#include "composer/data/loader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "absl/strings/match.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/batches_loader.h"
#include "composer/data/tensor_dataset.h"

namespace composer {
namespace {

// Sample i is the number i.
std::shared_ptr<const Dataset> numbers(int64_t count) {
  return std::make_shared<TensorDataset>(TensorDict{{"input", at::arange(count)}}, "numbers");
}

std::unique_ptr<MapDataLoader> make(int64_t count, const MapDataLoaderOptions& options) {
  auto loader = MapDataLoader::create(numbers(count), options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

std::vector<int64_t> samples_of(const Batch& batch) {
  const at::Tensor input = batch.at("input");
  return {input.data_ptr<int64_t>(), input.data_ptr<int64_t>() + input.numel()};
}

// The batches from (epoch, batch) to the epoch's end.
std::vector<std::vector<int64_t>> rest_of(DataLoader& loader, int64_t epoch, int64_t batch = 0) {
  loader.seek(epoch, batch);
  std::vector<std::vector<int64_t>> batches;
  while (std::optional<Batch> next = loader.next()) batches.push_back(samples_of(*next));
  EXPECT_FALSE(loader.next().has_value());
  return batches;
}

std::vector<int64_t> flat(const std::vector<std::vector<int64_t>>& batches) {
  std::vector<int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

std::vector<int64_t> range(int64_t count) {
  std::vector<int64_t> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

TEST(MapDataLoaderTest, GivesTheIndicesInOrderWithoutShuffling) {
  const auto loader = make(10, {.batch_size = 4});
  EXPECT_EQ(loader->batch_size(), 4);
  EXPECT_EQ(loader->batches_per_epoch(), 3);
  const std::vector<std::vector<int64_t>> expected = {{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}};
  EXPECT_EQ(rest_of(*loader, 0), expected);
  EXPECT_EQ(rest_of(*loader, 7), expected);
}

TEST(MapDataLoaderTest, StartsAtTheFirstBatchOfTheFirstEpoch) {
  const MapDataLoaderOptions options = {.batch_size = 4, .shuffle = true, .seed = 5};
  const auto fresh = make(100, options);
  const auto sought = make(100, options);
  sought->seek(0, 0);
  EXPECT_EQ(samples_of(*fresh->next()), samples_of(*sought->next()));
}

TEST(MapDataLoaderTest, GivesEachSampleOnceAnEpoch) {
  for (const int64_t count : {1, 2, 31, 32, 33, 1000, 1009}) {
    const auto loader = make(count, {.batch_size = std::min<int64_t>(count, 32), .shuffle = true});
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      const auto batches = rest_of(*loader, epoch);
      EXPECT_EQ(static_cast<int64_t>(batches.size()), loader->batches_per_epoch());
      std::vector<int64_t> all = flat(batches);
      std::sort(all.begin(), all.end());
      EXPECT_EQ(all, range(count));
    }
  }
}

TEST(MapDataLoaderTest, OrdersByNothingButSeedAndEpoch) {
  const MapDataLoaderOptions options = {.batch_size = 32, .shuffle = true, .seed = 17};
  const auto loader = make(1000, options);
  const std::vector<int64_t> epoch_3 = flat(rest_of(*loader, 3));
  EXPECT_EQ(flat(rest_of(*make(1000, options), 3)), epoch_3);
  // Neither the epochs that were read before nor the size of a batch matter.
  rest_of(*loader, 9);
  EXPECT_EQ(flat(rest_of(*loader, 3)), epoch_3);
  EXPECT_EQ(flat(rest_of(*make(1000, {.batch_size = 7, .shuffle = true, .seed = 17}), 3)), epoch_3);

  EXPECT_NE(flat(rest_of(*loader, 4)), epoch_3);
  EXPECT_NE(flat(rest_of(*make(1000, {.batch_size = 32, .shuffle = true, .seed = 18}), 3)),
            epoch_3);
  EXPECT_NE(epoch_3, range(1000));
}

TEST(MapDataLoaderTest, ContinuesAfterASeekWithTheSameBits) {
  const MapDataLoaderOptions options = {.batch_size = 32, .shuffle = true, .seed = 17};
  const auto unbroken = rest_of(*make(1000, options), 2);
  const auto loader = make(1000, options);
  for (int64_t batch = 0; batch < 32; ++batch) {
    const auto rest = rest_of(*loader, 2, batch);
    ASSERT_EQ(rest.size(), unbroken.size() - batch);
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), unbroken.begin() + batch));
  }
  EXPECT_TRUE(rest_of(*loader, 2, 32).empty());
  EXPECT_TRUE(rest_of(*loader, 2, 1000).empty());
  EXPECT_THROW(loader->seek(0, -1), c10::ValueError);
  EXPECT_THROW(loader->seek(-1, 0), c10::ValueError);
}

TEST(MapDataLoaderTest, LeavesOutTheLastBatchWhenItIsNotFullAndThatIsAsked) {
  const auto dropping = make(10, {.batch_size = 4, .drop_last = true});
  EXPECT_EQ(dropping->batches_per_epoch(), 2);
  EXPECT_EQ(flat(rest_of(*dropping, 0)), range(8));
  EXPECT_EQ(make(12, {.batch_size = 4, .drop_last = true})->batches_per_epoch(), 3);
}

TEST(MapDataLoaderTest, StopsAfterASubsetOfTheBatches) {
  const auto loader = make(10, {.batch_size = 4, .subset_num_batches = 2});
  EXPECT_EQ(loader->batches_per_epoch(), 2);
  EXPECT_EQ(flat(rest_of(*loader, 0)), range(8));
  EXPECT_EQ(make(10, {.batch_size = 4, .subset_num_batches = 9})->batches_per_epoch(), 3);
}

TEST(MapDataLoaderTest, GivesRanksContiguousPartsOfEachBatch) {
  for (const int64_t world_size : {1, 2, 3, 4}) {
    MapDataLoaderOptions options = {.batch_size = 32, .shuffle = true, .seed = 3};
    const auto global = rest_of(*make(1000, options), 1);
    options.world_size = world_size;
    std::vector<std::vector<int64_t>> joined(global.size());
    size_t smallest = 32, largest = 0;
    for (options.rank = 0; options.rank < world_size; ++options.rank) {
      const auto part = rest_of(*make(1000, options), 1);
      ASSERT_EQ(part.size(), global.size());
      for (size_t i = 0; i < part.size(); ++i) {
        joined[i].insert(joined[i].end(), part[i].begin(), part[i].end());
      }
      smallest = std::min(smallest, part[0].size());
      largest = std::max(largest, part[0].size());
    }
    EXPECT_EQ(joined, global);
    EXPECT_LE(largest - smallest, world_size == 3 ? 1u : 0u);
  }
}

TEST(MapDataLoaderTest, NamesTheFieldThatCannotBe) {
  const auto error = [](int64_t count, const MapDataLoaderOptions& options) {
    return MapDataLoader::create(numbers(count), options).status();
  };
  const absl::Status too_large = error(10, {.batch_size = 11});
  EXPECT_EQ(too_large.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(field_of(too_large), "batch_size");
  EXPECT_EQ(too_large.message(),
            "batch_size 11 is larger than the dataset: numbers has 10 samples");
  EXPECT_EQ(field_of(error(0, {.batch_size = 1})), "batch_size");
  EXPECT_EQ(field_of(error(10, {.batch_size = 0})), "batch_size");
  EXPECT_EQ(field_of(error(10, {.batch_size = 4, .subset_num_batches = 0})), "subset_num_batches");
  EXPECT_FALSE(error(10, {.batch_size = 4, .rank = 2, .world_size = 2}).ok());
  EXPECT_FALSE(error(10, {.batch_size = 4, .rank = -1}).ok());
  EXPECT_FALSE(MapDataLoader::create(std::shared_ptr<const Dataset>(), {}).ok());
}

TEST(MapDataLoaderTest, LeavesNoRankWithoutSamples) {
  EXPECT_EQ(
      field_of(MapDataLoader::create(numbers(10), {.batch_size = 2, .world_size = 3}).status()),
      "batch_size");
  const MapDataLoaderOptions ragged = {.batch_size = 9, .world_size = 3};
  EXPECT_TRUE(absl::StrContains(MapDataLoader::create(numbers(10), ragged).status().message(),
                                "set drop_last"));
  EXPECT_TRUE(
      MapDataLoader::create(numbers(10), {.batch_size = 9, .drop_last = true, .world_size = 3})
          .ok());
  EXPECT_TRUE(MapDataLoader::create(numbers(10),
                                    {.batch_size = 9, .subset_num_batches = 1, .world_size = 3})
                  .ok());
  EXPECT_TRUE(MapDataLoader::create(numbers(12), ragged).ok());
}

// A sample each, of which one cannot be read.
class Broken final : public Dataset {
 public:
  int64_t size() const override { return 100; }
  TensorDict get(int64_t index) const override {
    if (index == 42) throw std::runtime_error("/data/shard-3: byte 17: expected a JPEG");
    return {{"input", at::scalar_tensor(index, at::kLong)}};
  }
  std::string name() const override { return "broken"; }
};

TEST(MapDataLoaderTest, SaysWhereASampleCouldNotBeRead) {
  auto loader = MapDataLoader::create(std::make_shared<Broken>(), {.batch_size = 10});
  ASSERT_TRUE(loader.ok()) << loader.status();
  (*loader)->seek(6, 3);
  EXPECT_EQ(samples_of(*(*loader)->next()).front(), 30);
  try {
    (*loader)->next();
    FAIL();
  } catch (const StatusError& error) {
    EXPECT_EQ(error.status().message(),
              "dataset broken, epoch 6, batch 4, samples 40, 41, 42, 43, 44, 45, 46, 47, ... (10 "
              "in all): sample 42: /data/shard-3: byte 17: expected a JPEG");
    EXPECT_EQ(error.status().code(), absl::StatusCode::kInternal);
  }
  EXPECT_EQ(samples_of(*(*loader)->next()).front(), 50);
}

TEST(BatchesLoaderTest, GivesTheSameBatchesEveryEpoch) {
  BatchesLoader loader({{{"input", at::arange(3)}}, {{"input", at::arange(2)}}});
  EXPECT_EQ(loader.batch_size(), 3);
  EXPECT_EQ(loader.batches_per_epoch(), 2);
  const std::vector<std::vector<int64_t>> expected = {{0, 1, 2}, {0, 1}};
  EXPECT_EQ(rest_of(loader, 0), expected);
  EXPECT_EQ(rest_of(loader, 5), expected);
  EXPECT_EQ(rest_of(loader, 0, 1), (std::vector<std::vector<int64_t>>{{0, 1}}));
  EXPECT_TRUE(rest_of(loader, 0, 3).empty());
}

TEST(BatchesLoaderTest, SharesTheTensors) {
  const at::Tensor input = at::arange(3);
  BatchesLoader loader({{{"input", input}}});
  EXPECT_TRUE(loader.next()->at("input").is_same(input));
}

TEST(BatchesLoaderTest, MayHaveNoBatches) {
  BatchesLoader loader({});
  EXPECT_EQ(loader.batches_per_epoch(), 0);
  EXPECT_FALSE(loader.next().has_value());
}

}  // namespace
}  // namespace composer
