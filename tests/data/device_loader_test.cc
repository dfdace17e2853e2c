#include "composer/data/device_loader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "absl/strings/match.h"
#include "composer/base/exceptions.h"
#include "composer/data/loader.h"

namespace composer {
namespace {

// 30 samples; sample i is the number i, and sample 12 cannot be read.
class Numbers final : public Dataset {
 public:
  int64_t size() const override { return 30; }
  TensorDict get(int64_t index) const override {
    if (index == 12) throw std::runtime_error("/data/12.png: no PNG");
    return {{"input", at::scalar_tensor(index, at::kLong)}};
  }
  std::string name() const override { return "numbers"; }
};

std::shared_ptr<DataLoader> numbers(const MapDataLoaderOptions& options) {
  auto loader = MapDataLoader::create(std::make_shared<Numbers>(), options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

int64_t first_of(DataLoader& loader) { return loader.next()->at("input")[0].item<int64_t>(); }

TEST(DeviceLoaderTest, GivesWhatTheOtherLoaderGives) {
  const MapDataLoaderOptions options = {
      .batch_size = 4, .shuffle = true, .workers = 2, .skip_broken_samples = 1};
  const auto plain = numbers(options);
  DeviceLoader loader(numbers(options), at::kCPU);
  EXPECT_EQ(loader.batch_size(), 4);
  EXPECT_EQ(loader.batches_per_epoch(), 8);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    plain->seek(epoch, 0);
    loader.seek(epoch, 0);
    while (const std::optional<Batch> expected = plain->next()) {
      const std::optional<Batch> batch = loader.next();
      ASSERT_TRUE(batch.has_value());
      EXPECT_TRUE(at::equal(batch->at("input"), expected->at("input")));
    }
    EXPECT_FALSE(loader.next().has_value());
    EXPECT_FALSE(loader.next().has_value());
  }
}

TEST(DeviceLoaderTest, SeeksWithABatchOnItsWay) {
  DeviceLoader loader(numbers({.batch_size = 2}), at::kCPU);
  EXPECT_EQ(first_of(loader), 0);
  // To where it is, forward, back, and to the end.
  loader.seek(0, 1);
  EXPECT_EQ(first_of(loader), 2);
  loader.seek(0, 10);
  EXPECT_EQ(first_of(loader), 20);
  loader.seek(0, 2);
  EXPECT_EQ(first_of(loader), 4);
  loader.seek(0, 15);
  EXPECT_FALSE(loader.next().has_value());
  loader.seek(1, 14);
  EXPECT_EQ(first_of(loader), 28);
  EXPECT_FALSE(loader.next().has_value());
}

TEST(DeviceLoaderTest, BringsAnErrorAtItsBatchAndGoesOn) {
  DeviceLoader loader(numbers({.batch_size = 4}), at::kCPU);
  for (const int64_t first : {0, 4, 8}) EXPECT_EQ(first_of(loader), first);
  const absl::Status error = catch_exceptions([&] { loader.next(); });
  EXPECT_TRUE(absl::StrContains(error.message(), "epoch 0, batch 3")) << error;
  EXPECT_EQ(first_of(loader), 16);
}

TEST(DeviceLoaderTest, CountsWhatWasGivenAndNotWhatIsOnItsWay) {
  const MapDataLoaderOptions options = {.batch_size = 4, .skip_broken_samples = 1};
  DeviceLoader loader(numbers(options), at::kCPU);
  const StateDict fresh = loader.state_dict();
  for (int i = 0; i < 3; ++i) loader.next();
  EXPECT_EQ(loader.skipped_samples(), 0);
  EXPECT_TRUE(loader.state_dict().identical(fresh));
  EXPECT_EQ(loader.next()->num_samples(), 3);
  EXPECT_EQ(loader.skipped_samples(), 1);

  DeviceLoader resumed(numbers(options), at::kCPU);
  ASSERT_TRUE(resumed.load_state_dict(loader.state_dict()).ok());
  EXPECT_EQ(resumed.skipped_samples(), 1);
  EXPECT_TRUE(resumed.state_dict().identical(loader.state_dict()));
}

TEST(DeviceLoaderTest, IsNotNeededOnTheCpu) {
  const auto loader = numbers({.batch_size = 4});
  EXPECT_EQ(on_device(loader, at::kCPU), loader);
  EXPECT_EQ(on_device(nullptr, at::kCUDA), nullptr);
}

}  // namespace
}  // namespace composer
