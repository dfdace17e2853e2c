// The algorithms that add a transform to the training loader: AugMix, RandAugment, and ColOut of
// single samples.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "algorithms/augmix.h"
#include "algorithms/colout.h"
#include "algorithms/randaugment.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"
#include "composer/data/device_loader.h"
#include "composer/data/loader.h"
#include "composer/data/tensor_dataset.h"
#include "proto/algorithm.pb.h"
#include "proto/transform.pb.h"
#include "tests/data/transforms/image_fixtures.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using ::testing::HasSubstr;

struct Method {
  std::shared_ptr<Algorithm> algorithm;
  // The same as a transform of a config.
  std::string transform;

  friend std::ostream& operator<<(std::ostream& out, const Method& method) {
    return out << method.transform;
  }
};

std::shared_ptr<RandomImages> images(int64_t channels = 3) {
  return std::make_shared<RandomImages>(RandomImages::Options{.count = 10, .channels = channels});
}

// With a crop before it and normalisation behind.
std::shared_ptr<MapDataLoader> loader(int64_t channels, const std::string& transform,
                                      int64_t workers = 0) {
  const auto maker =
      make_batches(images(channels),
                   "transforms { random_crop { size: 9 } }" + transform +
                       "transforms { normalize {} } transforms { random_erasing {} }",
                   {.seed = 4});
  EXPECT_TRUE(maker.ok()) << maker.status();
  auto loader = MapDataLoader::create(*maker, {.batch_size = 4, .workers = workers});
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

absl::Status start(Algorithm& algorithm, DataLoader& train) {
  State state;
  Logger logger;
  state.dataloader = state.train_dataloader = &train;
  EXPECT_TRUE(algorithm.match(Event::kFitStart, state));
  EXPECT_FALSE(algorithm.match(Event::kAfterDataloader, state));
  EXPECT_FALSE(algorithm.match(Event::kEvalStart, state));
  return catch_exceptions([&] { algorithm.apply(Event::kFitStart, state, logger); });
}

std::vector<at::Tensor> inputs(DataLoader& loader, int64_t epoch) {
  std::vector<at::Tensor> inputs;
  loader.seek(epoch, 0);
  while (const auto batch = loader.next()) inputs.push_back(batch->at("input").clone());
  return inputs;
}

void expect_same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << i;
}

class ImageTransformAlgorithm : public ::testing::TestWithParam<Method> {
 protected:
  Algorithm& algorithm_ = *GetParam().algorithm;
};

TEST_P(ImageTransformAlgorithm, ActsAsItsTransformBehindThoseOfBytes) {
  for (const int64_t channels : {1, 3}) {
    const auto expected = loader(channels, "transforms { " + GetParam().transform + " }");
    const auto plain = loader(channels, "");
    for (const int64_t workers : {0, 2}) {
      const auto train = loader(channels, "", workers);
      // Batches that were prepared before are of no use then.
      expect_same(inputs(*train, 0), inputs(*plain, 0));
      ASSERT_TRUE(start(algorithm_, *train).ok());
      for (const int64_t epoch : {0, 1})
        expect_same(inputs(*train, epoch), inputs(*expected, epoch));
      EXPECT_FALSE(at::equal(inputs(*train, 0)[0], inputs(*train, 1)[0]));
    }
  }
}

TEST_P(ImageTransformAlgorithm, ActsOncePerLoaderAndOnNoOther) {
  const auto train = loader(3, ""), other = loader(3, "");
  const auto plain = inputs(*other, 0);
  ASSERT_TRUE(start(algorithm_, *train).ok());
  const auto once = inputs(*train, 0);
  ASSERT_TRUE(start(algorithm_, *train).ok());
  expect_same(inputs(*train, 0), once);
  expect_same(inputs(*other, 0), plain);
}

TEST_P(ImageTransformAlgorithm, ReachesTheLoaderBehindADevicesLoader) {
  const auto expected = loader(3, "transforms { " + GetParam().transform + " }");
  DeviceLoader device(loader(3, ""), at::kCPU);
  device.seek(0, 0);
  device.next();
  ASSERT_TRUE(start(algorithm_, device).ok());
  // Also the batch that was on its way.
  const auto batch = device.next();
  ASSERT_TRUE(batch);
  EXPECT_TRUE(at::equal(batch->at("input"), inputs(*expected, 0)[1]));
}

TEST_P(ImageTransformAlgorithm, RefusesLoadersOfOtherThings) {
  testing::TinyLoader ready(8, 4);
  absl::Status status = start(algorithm_, ready);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("this loader's batches are made already"));
  const auto numbers =
      std::make_shared<TensorDataset>(TensorDict({{"input", at::zeros({3, 2})}}), "numbers");
  auto train = MapDataLoader::create(numbers, {.batch_size = 2});
  ASSERT_TRUE(train.ok());
  status = start(algorithm_, **train);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("is for images; dataset numbers has none"));
}

INSTANTIATE_TEST_SUITE_P(
    All, ImageTransformAlgorithm,
    ::testing::Values(Method{std::make_shared<AugMix>(AugMixOptions{.severity = 5, .width = 2}),
                             "augmix { severity: 5 width: 2 }"},
                      Method{std::make_shared<RandAugment>(RandAugmentOptions{.depth = 3}),
                             "randaugment { depth: 3 }"},
                      Method{std::make_shared<ColOut>(ColOutOptions{.p_row = 0.3, .batch = false}),
                             "colout { p_row: 0.3 }"}),
    [](const auto& info) { return info.param.algorithm->name(); });

TEST(RandAugment, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  config::RandAugment config;
  EXPECT_EQ(config.severity(), RandAugmentOptions().severity);
  EXPECT_EQ(config.depth(), RandAugmentOptions().depth);
  EXPECT_EQ(config.augmentation_set(), config::Augmentations::ALL);
  EXPECT_TRUE(RandAugment::create(config).ok());
  config.set_severity(11);
  EXPECT_EQ(field_of(RandAugment::create(config).status()), "severity");
}

TEST(AugMix, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  config::AugMix config;
  EXPECT_EQ(config.severity(), AugMixOptions().severity);
  EXPECT_EQ(config.depth(), AugMixOptions().depth);
  EXPECT_EQ(config.width(), AugMixOptions().width);
  EXPECT_EQ(config.alpha(), AugMixOptions().alpha);
  EXPECT_EQ(config.augmentation_set(), config::Augmentations::ALL);
  EXPECT_TRUE(AugMix::create(config).ok());
  config.set_depth(0);
  EXPECT_EQ(field_of(AugMix::create(config).status()), "depth");
}

TEST(ColOut, RefusesWithoutBatchWhatIsForBatches) {
  config::ColOut config;
  config.set_batch(false);
  EXPECT_TRUE(ColOut::create(config).ok());
  config.set_resize_target(config::ColOut::ALWAYS);
  EXPECT_EQ(field_of(ColOut::create(config).status()), "resize_target");
  config.set_resize_target(config::ColOut::NEVER);
  config.set_input_key("pixels");
  EXPECT_EQ(field_of(ColOut::create(config).status()), "input_key");
  config.clear_input_key();
  config.set_target_key("masks");
  EXPECT_EQ(field_of(ColOut::create(config).status()), "target_key");
}

}  // namespace
}  // namespace composer
