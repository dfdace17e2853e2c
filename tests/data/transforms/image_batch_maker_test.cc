#include "composer/data/transforms/image_batch_maker.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <new>
#include <numeric>
#include <thread>

#include "absl/strings/match.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/tensor_dataset.h"
#include "tests/data/transforms/image_fixtures.h"

// Counts what the program allocates.
static std::atomic<int64_t> allocations = 0;

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace composer {
namespace {

constexpr char kEverything[] = R"(
  transforms { random_resized_crop { size: 9 } }
  transforms { random_crop { size: 8 padding: 2 fill: 30 } }
  transforms { random_horizontal_flip {} }
  transforms { random_vertical_flip {} }
  transforms { color_jitter { brightness: 0.4 contrast: 0.4 saturation: 0.4 hue: 0.1 } }
  transforms { resize { height: 10 width: 7 } }
  transforms { randaugment {} }
  transforms { colout { p_row: 0.2 p_col: 0.3 } }
  transforms { augmix {} }
  transforms { center_crop { height: 8 width: 9 } }
  transforms { normalize {} }
  transforms { random_erasing { random: true } })";

std::shared_ptr<RandomImages> images(const RandomImages::Options& options = {}) {
  return std::make_shared<RandomImages>(options);
}

std::shared_ptr<const BatchMaker> made(std::shared_ptr<const Dataset> dataset,
                                       const std::string& transforms,
                                       const ImageBatchOptions& options = {}) {
  const auto maker = make_batches(std::move(dataset), transforms, options);
  if (!maker.ok()) {
    ADD_FAILURE() << maker.status();
    std::abort();
  }
  return *maker;
}

std::vector<int64_t> range(int64_t count) {
  std::vector<int64_t> indices(count);
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

at::Tensor normalized(const RandomImages& dataset, const at::Tensor& bytes) {
  const int64_t channels = bytes.size(0);
  const auto values = [&](const std::vector<double>& list) {
    return at::tensor(list).to(at::kFloat).view({channels, 1, 1});
  };
  return bytes.to(at::kFloat)
      .div(255)
      .sub(values(dataset.statistics().mean))
      .div(values(dataset.statistics().std));
}

TEST(ImageBatchMakerTest, NormalisesWithTheDatasetsStatisticsWhereNothingElseIsSaid) {
  for (const bool decoded : {false, true}) {
    const auto dataset = images({.decoded = decoded});
    for (const char* transforms : {"", "transforms { normalize {} }"}) {
      const Batch batch = made(dataset, transforms)->make({7, 0, 7}, 3);
      EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{3, 3, 12, 10}));
      EXPECT_TRUE(at::equal(batch.at("input")[0], normalized(*dataset, dataset->bytes(7))));
      EXPECT_TRUE(at::equal(batch.at("input")[1], normalized(*dataset, dataset->bytes(0))));
      EXPECT_TRUE(at::equal(batch.at("target"), at::tensor({7, 0, 7}, at::kLong)));
    }
    EXPECT_TRUE(at::equal(dataset->get_batch({7, 0}).at("input"),
                          made(dataset, "")->make({7, 0}, 0).at("input")));
    EXPECT_TRUE(at::equal(dataset->get(4).at("input"), normalized(*dataset, dataset->bytes(4))));
    EXPECT_EQ(dataset->get(4).at("target").item<int64_t>(), 4);
  }
}

TEST(ImageBatchMakerTest, LaysBatchesOutWithChannelsFastestWhenAsked) {
  const auto dataset = images();
  const Batch last =
      made(dataset, kEverything, {.seed = 5, .channels_last = true})->make(range(10), 1);
  const Batch first = made(dataset, kEverything, {.seed = 5})->make(range(10), 1);
  EXPECT_TRUE(last.at("input").is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_FALSE(last.at("input").is_contiguous());
  EXPECT_TRUE(first.at("input").is_contiguous());
  // Noise is drawn in the order of channels, rows and columns in both.
  EXPECT_TRUE(at::equal(last.at("input"), first.at("input")));
}

TEST(ImageBatchMakerTest, ASampleIsAFunctionOfSeedEpochAndIndexAlone) {
  const auto dataset = images({.count = 40});
  const auto maker = made(dataset, kEverything, {.seed = 1});
  const Batch all = maker->make(range(40), 2);
  // In another batch, by another maker, by several threads at once.
  const auto again = made(dataset, kEverything, {.seed = 1});
  std::vector<std::thread> threads;
  std::vector<Batch> parts(4);
  for (int64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<int64_t> indices;
      for (int64_t i = 39 - t; i >= 0; i -= 4) indices.push_back(i);
      parts[t] = again->make(indices, 2);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t k = 0; k < parts[t].num_samples(); ++k) {
      const int64_t index = parts[t].at("target")[k].item<int64_t>();
      EXPECT_TRUE(at::equal(parts[t].at("input")[k], all.at("input")[index])) << index;
    }
  }
  EXPECT_FALSE(at::equal(maker->make({3}, 3).at("input"), maker->make({3}, 2).at("input")));
  EXPECT_FALSE(at::equal(made(dataset, kEverything, {.seed = 2})->make({3}, 2).at("input"),
                         maker->make({3}, 2).at("input")));
}

TEST(ImageBatchMakerTest, AddingATransformMovesNoOthersDraws) {
  const auto dataset = images();
  const std::string crop = "transforms { random_crop { size: 8 } }";
  // Where the crops lie does not change when a flip that never happens is added.
  const at::Tensor alone = made(dataset, crop)->make(range(10), 0).at("input");
  const at::Tensor behind = made(dataset, "transforms { random_horizontal_flip { p: 0 } }" + crop)
                                ->make(range(10), 0)
                                .at("input");
  EXPECT_TRUE(at::equal(alone, behind));
  // But a second crop draws anew.
  const auto padded = [](int size) {
    return "transforms { random_crop { size: " + std::to_string(size) + " padding: 4 } }";
  };
  const at::Tensor twice = made(dataset, padded(12) + padded(12))->make(range(10), 0).at("input");
  const at::Tensor once = made(dataset, padded(12))->make(range(10), 0).at("input");
  EXPECT_FALSE(at::equal(twice, once));
}

TEST(ImageBatchMakerTest, CropsEverywhereAndFlipsHalf) {
  // A ramp tells where a crop lies and whether it is mirrored.
  const auto dataset = images({.count = 2, .channels = 1, .height = 5, .width = 7});
  const at::Tensor image = dataset->bytes(1);
  const auto maker = made(dataset, R"(
      transforms { random_crop { size: 5 padding: 1 fill: 255 } }
      transforms { random_horizontal_flip { p: 0.25 } }
      transforms { normalize { mean: 0 std: 1 } })");
  const at::Tensor padded = at::constant_pad_nd(image, {1, 1, 1, 1}, 255);
  std::map<std::pair<int64_t, int64_t>, int> places;
  int flipped = 0;
  constexpr int kEpochs = 6000;
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const at::Tensor bytes = maker->make({1}, epoch).at("input")[0].mul(255).round().to(at::kByte);
    bool found = false;
    for (int64_t top = 0; top <= 2 && !found; ++top) {
      for (int64_t left = 0; left <= 4 && !found; ++left) {
        const at::Tensor window = padded.slice(1, top, top + 5).slice(2, left, left + 5);
        const bool mirrored = at::equal(bytes, window.flip({2}));
        if (!mirrored && !at::equal(bytes, window)) continue;
        found = true;
        ++places[{top, left}];
        flipped += mirrored;
      }
    }
    ASSERT_TRUE(found);
  }
  EXPECT_NEAR(flipped, kEpochs / 4, 150);
  ASSERT_EQ(places.size(), 15u);
  for (const auto& [place, count] : places) {
    EXPECT_NEAR(count, kEpochs / 15, 90) << place.first << ", " << place.second;
  }
}

TEST(ImageBatchMakerTest, ErasesInNormalisedUnitsAsOftenAsAsked) {
  const auto dataset = images({.count = 400});
  const at::Tensor input = made(dataset, "transforms { random_erasing { p: 0.3 value: 77 } }")
                               ->make(range(400), 0)
                               .at("input");
  const at::Tensor erased = input.eq(77);
  EXPECT_NEAR(erased.flatten(1).any(1).sum().item<int64_t>(), 120, 30);
  // All channels of a pixel, or none.
  EXPECT_TRUE(at::equal(erased.all(1), erased.any(1)));
}

TEST(ImageBatchMakerTest, AllocatesNothingForAnImage) {
  for (const bool decoded : {false, true}) {
    const auto maker = made(images({.count = 64, .decoded = decoded}), kEverything);
    const auto count = [&](int64_t samples) {
      const std::vector<int64_t> indices = range(samples);
      maker->make(indices, 0);
      const int64_t before = allocations;
      maker->make(indices, 0);
      return allocations - before;
    };
    count(64);
    EXPECT_EQ(count(64), count(4));
    EXPECT_GT(count(4), 0);
  }
}

void expect_refused(const std::string& transforms, const std::string& field,
                    const std::vector<std::string>& parts) {
  SCOPED_TRACE(transforms);
  const absl::Status status = make_batches(images(), transforms).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(field_of(status), field) << status;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

TEST(ImageBatchMakerTest, RefusesTransformsInAnImpossibleOrder) {
  expect_refused("transforms { normalize {} } transforms { random_crop { size: 8 } }",
                 "transforms[1]", {"random_crop works on bytes", "in front of normalize"});
  expect_refused("transforms { random_erasing {} } transforms { random_horizontal_flip {} }",
                 "transforms[1]", {"works on bytes", "in front of random_erasing"});
  expect_refused("transforms { random_erasing {} } transforms { normalize {} }", "transforms[1]",
                 {"random_erasing works on floats", "normalize must stand in front"});
  expect_refused("transforms { normalize {} } transforms { normalize {} }", "transforms[1]",
                 {"second normalize"});
}

TEST(ImageBatchMakerTest, RefusesValuesThatMakeNoSense) {
  expect_refused("transforms { normalize { mean: [0.1, 0.2] } }", "transforms[0].normalize.mean",
                 {"2 values", "3 channels"});
  expect_refused("transforms { normalize { std: [1, 1, 0] } }", "transforms[0].normalize.std[2]",
                 {});
  expect_refused("transforms {}", "transforms[0]", {"random_crop"});
  const std::string flip = "transforms { random_horizontal_flip {} } ";
  expect_refused(flip + "transforms { random_crop {} }", "transforms[1].random_crop.size",
                 {"height and width"});
  expect_refused(flip + "transforms { random_crop { height: 3 } }",
                 "transforms[1].random_crop.width", {});
  expect_refused("transforms { random_crop { width: 3 } }", "transforms[0].random_crop.height", {});
  expect_refused("transforms { random_crop { size: 3 width: 3 } }",
                 "transforms[0].random_crop.size", {});
  expect_refused("transforms { resize { size: 0 } }", "transforms[0].resize.size", {});
  expect_refused("transforms { random_crop { size: 4 padding: -1 } }",
                 "transforms[0].random_crop.padding", {});
  expect_refused("transforms { random_crop { size: 4 fill: 256 } }",
                 "transforms[0].random_crop.fill", {"0 to 255"});
  expect_refused("transforms { random_horizontal_flip { p: 1.5 } }",
                 "transforms[0].random_horizontal_flip.p", {});
  expect_refused("transforms { random_vertical_flip { p: nan } }",
                 "transforms[0].random_vertical_flip.p", {});
  expect_refused("transforms { random_resized_crop { size: 4 scale_max: 0.01 } }",
                 "transforms[0].random_resized_crop.scale_max", {});
  expect_refused("transforms { color_jitter { hue: 0.6 } }", "transforms[0].color_jitter.hue", {});
  expect_refused("transforms { color_jitter { contrast: -1 } }",
                 "transforms[0].color_jitter.contrast", {});
  expect_refused("transforms { randaugment { severity: 10.5 } }",
                 "transforms[0].randaugment.severity", {"0 to 10"});
  expect_refused("transforms { randaugment { depth: -1 } }", "transforms[0].randaugment.depth", {});
  expect_refused("transforms { augmix { severity: -1 } }", "transforms[0].augmix.severity", {});
  expect_refused("transforms { augmix { depth: 0 } }", "transforms[0].augmix.depth",
                 {"-1 for 1 to 3 at random"});
  expect_refused("transforms { augmix { width: 0 } }", "transforms[0].augmix.width", {});
  expect_refused("transforms { augmix { alpha: 0 } }", "transforms[0].augmix.alpha", {});
  expect_refused("transforms { colout { p_col: 1.5 } }", "transforms[0].colout.p_col", {});
  expect_refused("transforms { random_erasing { p: -0.1 } }", "transforms[0].random_erasing.p", {});
  expect_refused("transforms { random_erasing { value: 1 random: true } }",
                 "transforms[0].random_erasing.value", {});
}

TEST(ImageBatchMakerTest, RefusesDatasetsOfOtherThings) {
  const auto tensors =
      std::make_shared<TensorDataset>(TensorDict({{"input", at::zeros({3, 2})}}), "numbers");
  const absl::Status status =
      make_batches(tensors, "transforms { random_crop { size: 8 } }").status();
  EXPECT_EQ(field_of(status), "transforms");
  EXPECT_TRUE(absl::StrContains(status.message(), "numbers is none")) << status;
}

void expect_throws(const BatchMaker& maker, const std::vector<int64_t>& indices,
                   const std::vector<std::string>& parts) {
  const absl::Status status = catch_exceptions([&] { maker.make(indices, 0); });
  EXPECT_FALSE(status.ok());
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

TEST(ImageBatchMakerTest, NamesTheSampleThatDoesNotFit) {
  const auto growing = images({.growth = 2});
  expect_throws(*made(growing, ""), {4, 5},
                {"sample 5", "22x10", "sample 4, 20x10", "add a resize or a crop"});
  expect_throws(*made(growing, "transforms { random_crop { size: 13 padding: 1 } }"), {1},
                {"sample 1", "random_crop", "16x12", "at least 13x13"});
  const auto four = images({.channels = 4});
  expect_throws(*made(four, "transforms { color_jitter { hue: 0.1 } }"), {2},
                {"sample 2", "4 channels", "RGB"});
  expect_throws(*made(images(), ""), {0, 10}, {"no sample 10 among 10"});
  for (const std::string name : {"randaugment", "augmix"}) {
    expect_throws(*made(four, "transforms { " + name + " {} }"), {2},
                  {"sample 2", name, "4 channels", "RGB"});
  }
  // A sample that fails leaves the maker as it was.
  const auto maker = made(growing, "");
  const at::Tensor before = maker->make({4}, 0).at("input");
  expect_throws(*maker, {4, 5}, {"sample 5"});
  EXPECT_TRUE(at::equal(maker->make({4}, 0).at("input"), before));
}

TEST(ImageBatchMakerTest, ResizesImagesOfManySizesToOne) {
  const auto dataset = images({.height = 20, .width = 30, .decoded = true, .growth = 7});
  const Batch batch = made(dataset, R"(
      transforms { resize { size: 16 } } transforms { center_crop { size: 16 } })")
                          ->make(range(10), 0);
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{10, 3, 16, 16}));
}

}  // namespace
}  // namespace composer
