#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <new>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/data/loader.h"
#include "composer/data/tensor_dataset.h"

namespace composer {
namespace {

// 30 samples; sample i is the number i, and those in `broken` cannot be read.
class Numbers final : public Dataset {
 public:
  explicit Numbers(std::set<int64_t> broken) : broken_(std::move(broken)) {}
  int64_t size() const override { return 30; }
  TensorDict get(int64_t index) const override {
    if (broken_.count(index) > 0) {
      throw_if_error(absl::DataLossError(absl::StrCat("/data/", index, ".png: byte 17: no PNG")));
    }
    return {{"input", at::scalar_tensor(index, at::kLong)}};
  }
  std::string name() const override { return "numbers"; }

 private:
  std::set<int64_t> broken_;
};

std::unique_ptr<MapDataLoader> make(std::shared_ptr<const Dataset> dataset,
                                    const MapDataLoaderOptions& options) {
  auto loader = MapDataLoader::create(std::move(dataset), options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

std::unique_ptr<MapDataLoader> make(std::set<int64_t> broken, const MapDataLoaderOptions& options) {
  return make(std::make_shared<Numbers>(std::move(broken)), options);
}

std::vector<int64_t> samples_of(const Batch& batch) {
  const at::Tensor input = batch.at("input");
  return {input.data_ptr<int64_t>(), input.data_ptr<int64_t>() + input.numel()};
}

absl::Status error_of(DataLoader& loader) {
  return catch_exceptions([&] { loader.next(); });
}

TEST(BrokenSamplesTest, ShortenTheirBatchAndMoveNothing) {
  for (const int64_t workers : {0, 2}) {
    const auto loader =
        make({12, 14, 29}, {.batch_size = 5, .workers = workers, .skip_broken_samples = 3});
    EXPECT_EQ(samples_of(*loader->next()), (std::vector<int64_t>{0, 1, 2, 3, 4}));
    EXPECT_EQ(samples_of(*loader->next()), (std::vector<int64_t>{5, 6, 7, 8, 9}));
    // Prepared, perhaps, but not given yet.
    EXPECT_EQ(loader->skipped_samples(), 0);
    EXPECT_EQ(samples_of(*loader->next()), (std::vector<int64_t>{10, 11, 13}));
    EXPECT_EQ(loader->skipped_samples(), 2);
    EXPECT_EQ(samples_of(*loader->next()), (std::vector<int64_t>{15, 16, 17, 18, 19}));
    loader->seek(0, 5);
    EXPECT_EQ(samples_of(*loader->next()), (std::vector<int64_t>{25, 26, 27, 28}));
    EXPECT_EQ(loader->skipped_samples(), 3);
  }
}

TEST(BrokenSamplesTest, CountOnceHoweverOftenTheyCome) {
  const auto loader = make({12}, {.batch_size = 5, .workers = 1, .skip_broken_samples = 1});
  for (int64_t epoch = 0; epoch < 10; ++epoch) {
    loader->seek(epoch, 0);
    while (loader->next()) {
    }
  }
  EXPECT_EQ(loader->skipped_samples(), 1);
}

TEST(BrokenSamplesTest, AreAnErrorAboveTheLimit) {
  for (const int64_t workers : {0, 2}) {
    const auto loader =
        make({1, 12, 14, 16}, {.batch_size = 5, .workers = workers, .skip_broken_samples = 2});
    EXPECT_EQ(loader->next()->num_samples(), 4);
    EXPECT_EQ(loader->next()->num_samples(), 5);
    const absl::Status error = error_of(*loader);
    EXPECT_EQ(error.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(error.message(),
              "dataset numbers, epoch 0, batch 2: 3 samples could not be read so far, and 2 may be "
              "skipped; the last, sample 14: /data/14.png: byte 17: no PNG");
  }
}

TEST(BrokenSamplesTest, AreAnErrorAtOnceWhenNoneMayBeSkipped) {
  const auto loader = make({3}, {.batch_size = 5});
  EXPECT_EQ(error_of(*loader).message(),
            "dataset numbers, epoch 0, batch 0, samples 0, 1, 2, 3, 4: sample 3: /data/3.png: byte "
            "17: no PNG");
  const auto none = make({3}, {.batch_size = 5, .skip_broken_samples = 0});
  EXPECT_TRUE(absl::StrContains(error_of(*none).message(), "1 samples could not be read so far"));
}

TEST(BrokenSamplesTest, AreAnErrorWhenABatchHasNoOthers) {
  const auto loader = make({5, 6, 7, 8, 9}, {.batch_size = 5, .skip_broken_samples = 100});
  loader->next();
  const absl::Status error = error_of(*loader);
  EXPECT_TRUE(absl::StrContains(error.message(),
                                "none of its samples can be read; the last, sample 9: /data/9.png"))
      << error;
  EXPECT_EQ(samples_of(*loader->next()).front(), 10);
}

// Samples that cannot be stacked, though each can be read.
class Ragged final : public Dataset {
 public:
  int64_t size() const override { return 10; }
  TensorDict get(int64_t index) const override { return {{"input", at::zeros({index + 1})}}; }
  std::string name() const override { return "ragged"; }
};

TEST(BrokenSamplesTest, AreNotThoseThatDoNotFitTogether) {
  const auto loader =
      make(std::make_shared<Ragged>(), {.batch_size = 5, .skip_broken_samples = 100});
  EXPECT_TRUE(absl::StrContains(error_of(*loader).message(), "\"input\" of sample 1 of the batch"));
  EXPECT_EQ(loader->skipped_samples(), 0);
}

class OutOfMemory final : public Dataset {
 public:
  int64_t size() const override { return 10; }
  TensorDict get(int64_t index) const override {
    if (index == 3) throw std::bad_alloc();
    return {{"input", at::zeros({1})}};
  }
  std::string name() const override { return "large"; }
};

TEST(BrokenSamplesTest, AreNotThoseForWhichMemoryRanOut) {
  const auto loader =
      make(std::make_shared<OutOfMemory>(), {.batch_size = 5, .skip_broken_samples = 100});
  EXPECT_EQ(error_of(*loader).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(loader->skipped_samples(), 0);
}

TEST(LoaderStateTest, KeepsTheBrokenSamplesOfTheRun) {
  const MapDataLoaderOptions options = {.batch_size = 5, .workers = 2, .skip_broken_samples = 2};
  const auto first = make({1, 12, 14}, options);
  for (int i = 0; i < 2; ++i) first->next();
  const StateDict state = first->state_dict();
  EXPECT_EQ(*state.integer("skipped_samples"), 1);

  const auto second = make({1, 12, 14}, options);
  ASSERT_TRUE(second->load_state_dict(state).ok());
  EXPECT_EQ(second->skipped_samples(), 1);
  EXPECT_TRUE(second->state_dict().identical(state));
  second->seek(0, 0);
  EXPECT_EQ(second->next()->num_samples(), 4);
  EXPECT_EQ(second->skipped_samples(), 1);
  second->seek(0, 2);
  EXPECT_TRUE(absl::StrContains(error_of(*second).message(), "3 samples could not be read so far"));
}

TEST(LoaderStateTest, RefusesADatasetThatHasChanged) {
  const auto rows = [](int64_t count) {
    return make(std::make_shared<TensorDataset>(TensorDict{{"input", at::arange(count)}}, "rows"),
                {.batch_size = 2});
  };
  const StateDict state = rows(10)->state_dict();
  EXPECT_TRUE(rows(10)->load_state_dict(state).ok());
  const absl::Status error = rows(12)->load_state_dict(state);
  EXPECT_EQ(error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(
      error.message(), "dataset rows has 12 samples now and had 10 when the state was saved"))
      << error;
  EXPECT_FALSE(rows(10)->load_state_dict({}).ok());
}

}  // namespace
}  // namespace composer
