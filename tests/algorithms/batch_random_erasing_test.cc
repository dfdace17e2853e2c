#include "algorithms/batch_random_erasing.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>

#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/golden.h"
#include "tests/algorithms/matchers.h"

namespace composer {
namespace {

using testing::golden;
using testing::IsExactly;

std::vector<Box> golden_boxes() {
  const at::Tensor sides = golden("erasing/boxes");
  std::vector<Box> boxes;
  for (int64_t i = 0; i < sides.size(0); ++i) {
    const auto side = [&](int64_t k) { return sides[i][k].item<int64_t>(); };
    boxes.push_back({.top = side(0), .left = side(1), .bottom = side(2), .right = side(3)});
  }
  return boxes;
}

TEST(EraseBatch, GivesTorchvisionsValues) {
  const at::Tensor images = golden("erasing/images"), before = images.clone();
  EXPECT_THAT(erase_batch(images, golden_boxes(), at::full({}, 0.5f)),
              IsExactly(golden("erasing/by_value")));
  EXPECT_THAT(erase_batch(images, golden_boxes(), golden("erasing/noise")),
              IsExactly(golden("erasing/by_noise")));
  EXPECT_THAT(images, IsExactly(before));
}

TEST(EraseBatch, TakesImagesWithoutChannelsAndOfIntegers) {
  const at::Tensor images = at::ones({2, 4, 4}, at::kByte);
  const std::vector<Box> boxes = {{.top = 1, .left = 0, .bottom = 3, .right = 2}, {}};
  const at::Tensor erased = erase_batch(images, boxes, at::full({}, 7, images.options()));
  EXPECT_EQ(erased.scalar_type(), at::kByte);
  EXPECT_EQ(erased[0].eq(7).sum().item<int64_t>(), 4);
  EXPECT_THAT(erased[1], IsExactly(images[1]));
}

TEST(EraseBatch, RefusesAnotherNumberOfBoxes) {
  EXPECT_THROW(erase_batch(at::ones({2, 4, 4}), std::vector<Box>(3), at::zeros({})),
               c10::ValueError);
}

TEST(DrawErasedBoxes, AreWithinTheBoundsAsOftenAsTheyShould) {
  const WindowBounds bounds = BatchRandomErasingOptions().bounds;
  const at::Generator generator = at::detail::createCPUGenerator(3);
  const auto boxes = draw_erased_boxes(2000, {60, 80}, 0.25, bounds, generator);
  int drawn = 0;
  for (const Box& box : boxes) {
    const auto height = static_cast<double>(box.size().height);
    const auto width = static_cast<double>(box.size().width);
    if (height == 0) continue;
    ++drawn;
    EXPECT_GE(std::min(box.top, box.left), 0);
    EXPECT_TRUE(box.bottom <= 60 && box.right <= 80);
    // Sides are rounded to pixels.
    EXPECT_GE((height + 0.5) * (width + 0.5), bounds.scale_min * 4800);
    EXPECT_LE((height - 0.5) * (width - 0.5), bounds.scale_max * 4800);
    EXPECT_GE((height + 0.5) / (width - 0.5), bounds.ratio_min);
    EXPECT_LE((height - 0.5) / (width + 0.5), bounds.ratio_max);
  }
  EXPECT_NEAR(drawn, 500, 4 * std::sqrt(2000 * 0.25 * 0.75));
}

Batch erased(const BatchRandomErasingOptions& options, int64_t batch = 0) {
  State state;
  Logger logger;
  state.timestamp.batch = batch;
  state.batch = {{"input", at::ones({16, 3, 12, 12})}, {"other", at::ones({16, 1, 8, 8})}};
  BatchRandomErasing algorithm(options);
  EXPECT_TRUE(algorithm.match(Event::kAfterDataloader, state));
  algorithm.apply(Event::kAfterDataloader, state, logger);
  return state.batch;
}

TEST(BatchRandomErasing, GivesEachImageABoxOfItsOwnInAllChannels) {
  const at::Tensor holes = 1 - erased({.p = 1}).at("input");
  EXPECT_TRUE(at::equal(holes.select(1, 0), holes.select(1, 2)));
  EXPECT_GE(holes.flatten(1).sum(1).gt(0).sum().item<int64_t>(), 15);
  EXPECT_FALSE(at::equal(holes[0], holes[1]));
  EXPECT_THAT(erased({.p = 0}).at("input"), IsExactly(at::ones({16, 3, 12, 12})));
}

TEST(BatchRandomErasing, DrawsAnewForEachBatchAndTheSameForTheSame) {
  EXPECT_THAT(erased({.p = 1}, 4).at("input"), IsExactly(erased({.p = 1}, 4).at("input")));
  EXPECT_FALSE(at::equal(erased({.p = 1}, 4).at("input"), erased({.p = 1}, 5).at("input")));
}

TEST(BatchRandomErasing, WritesItsValueOrNormalNoise) {
  const at::Tensor input = erased({.p = 1, .value = 3}).at("input");
  EXPECT_TRUE(input.eq(1).logical_or(input.eq(3)).all().item<bool>());
  const at::Tensor noisy =
      erased({.p = 1, .bounds = {.scale_min = 0.5, .scale_max = 0.6}, .random = true}).at("input");
  const at::Tensor noise = noisy.masked_select(noisy.ne(1));
  EXPECT_GT(noise.numel(), 16 * 3 * 144 / 4);
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.1);
  EXPECT_NEAR(noise.std().item<double>(), 1, 0.1);
}

TEST(BatchRandomErasing, ActsOnTheTensorThatItIsGiven) {
  const Batch batch = erased({.p = 1, .input_key = "other"});
  EXPECT_THAT(batch.at("input"), IsExactly(at::ones({16, 3, 12, 12})));
  EXPECT_FALSE(at::equal(batch.at("other"), at::ones({16, 1, 8, 8})));
}

absl::Status status_of(void (*fill)(config::BatchRandomErasing&)) {
  config::BatchRandomErasing config;
  fill(config);
  return BatchRandomErasing::create(config).status();
}

TEST(BatchRandomErasing, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  const config::BatchRandomErasing config;
  const BatchRandomErasingOptions options;
  EXPECT_EQ(config.p(), options.p);
  EXPECT_EQ(config.scale_min(), options.bounds.scale_min);
  EXPECT_EQ(config.scale_max(), options.bounds.scale_max);
  EXPECT_EQ(config.ratio_min(), options.bounds.ratio_min);
  EXPECT_EQ(config.ratio_max(), options.bounds.ratio_max);
  EXPECT_EQ(config.value(), options.value);
  EXPECT_EQ(config.random(), options.random);
  EXPECT_TRUE(BatchRandomErasing::create(config).ok());
  EXPECT_EQ(field_of(status_of([](auto& c) { c.set_p(1.5); })), "p");
  EXPECT_EQ(field_of(status_of([](auto& c) { c.set_scale_min(0.4); })), "scale_max");
  EXPECT_EQ(field_of(status_of([](auto& c) { c.set_ratio_min(0); })), "ratio_min");
  EXPECT_EQ(field_of(status_of([](auto& c) { c.set_value(std::nan("")); })), "value");
  EXPECT_EQ(field_of(status_of([](auto& c) {
              c.set_value(1);
              c.set_random(true);
            })),
            "value");
}

}  // namespace
}  // namespace composer
