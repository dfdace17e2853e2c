#include "algorithms/progressive_resizing.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "composer/base/status.h"
#include "composer/core/state.h"
#include "composer/loggers/in_memory.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/golden.h"
#include "tests/algorithms/matchers.h"

namespace composer {
namespace {

using testing::golden;
using testing::IsExactly;

TEST(ResizingScale, GrowsAsComposersDoes) {
  const at::Tensor schedule = golden("resizing/schedule");
  for (int64_t i = 0; i < schedule.size(0); ++i) {
    const auto* row = schedule[i].const_data_ptr<double>();
    const ProgressiveResizingOptions options{
        .initial_scale = row[2], .finetune_fraction = row[3], .delay_fraction = row[4]};
    const double scale = resizing_scale(row[1], options);
    EXPECT_NEAR(scale, row[6], 1e-9) << "row " << i;
    const auto side = static_cast<int64_t>(row[0]);
    EXPECT_EQ(scaled_size({side, side}, scale, static_cast<int64_t>(row[5])).width,
              static_cast<int64_t>(row[7]))
        << "row " << i;
  }
}

TEST(ResizingScale, JumpsWhereNothingIsLeftToGrowIn) {
  const ProgressiveResizingOptions options{.finetune_fraction = 0.3, .delay_fraction = 0.7};
  EXPECT_EQ(resizing_scale(0.69, options), 0.5);
  EXPECT_EQ(resizing_scale(0.7, options), 1);
}

TEST(ScaledSize, RoundsEachSideAndKeepsOneIncrement) {
  EXPECT_EQ(scaled_size({30, 50}, 0.5, 4), (ImageSize{16, 24}));
  EXPECT_EQ(scaled_size({30, 50}, 0.01, 4), (ImageSize{4, 4}));
  EXPECT_EQ(scaled_size({3, 50}, 0.5, 4), (ImageSize{3, 24}));
  EXPECT_EQ(scaled_size({30, 50}, 0.99, 8), (ImageSize{30, 48}));
}

TEST(ResizeBatch, GivesComposersPixels) {
  const at::Tensor images = golden("resizing/input"), targets = golden("resizing/targets");
  for (const auto& [scale, size] : {std::pair("0.5", ImageSize{4, 6}), {"0.75", {6, 9}}}) {
    const std::string prefix = std::string("resizing/") + scale;
    EXPECT_THAT(resize_batch(images, size), IsExactly(golden(prefix + "/result")));
    EXPECT_THAT(resize_batch(targets, size), IsExactly(golden(prefix + "/target_result")));
  }
  const Box window{.top = 3, .left = 2, .bottom = 7, .right = 8};
  EXPECT_THAT(inside(images, window), IsExactly(golden("resizing/crop")));
  EXPECT_THAT(inside(targets, window), IsExactly(golden("resizing/target_crop")));
}

class ProgressiveResizingTest : public ::testing::Test {
 protected:
  ProgressiveResizingTest() { state_.max_duration = *Time::parse("100ba"); }

  // On images whose pixels say where they are, and targets of half their size.
  Batch act(const ProgressiveResizingOptions& options, int64_t batch) {
    const at::Tensor input = at::arange(16 * 24, at::kFloat).reshape({1, 1, 16, 24});
    state_.batch = {{"input", input}, {"target", at::arange(96).reshape({1, 8, 12})}};
    state_.timestamp.batch = batch;
    ProgressiveResizing algorithm(options);
    EXPECT_TRUE(algorithm.match(Event::kAfterDataloader, state_));
    algorithm.apply(Event::kAfterDataloader, state_, logger_);
    logger_.flush(state_.timestamp);
    return state_.batch;
  }
  double logged(const std::string& name) const {
    return logger_.newest().at("progressive_resizing/" + name);
  }

  State state_;
  Logger logger_{[] {
    std::vector<std::unique_ptr<LoggerDestination>> destinations;
    destinations.push_back(std::make_unique<InMemoryLogger>());
    return destinations;
  }()};
};

TEST_F(ProgressiveResizingTest, GrowsThroughTheRunAndSaysHowFar) {
  EXPECT_EQ(act({}, 0).at("input").sizes(), (std::vector<int64_t>{1, 1, 8, 12}));
  EXPECT_EQ(logged("height"), 8);
  EXPECT_EQ(logged("width"), 12);
  EXPECT_EQ(logged("scale_factor"), 0.5);
  EXPECT_EQ(act({}, 65).at("input").sizes(), (std::vector<int64_t>{1, 1, 12, 16}));
  EXPECT_NEAR(logged("scale_factor"), 0.75, 1e-9);
  EXPECT_EQ(act({}, 80).at("input").sizes(), (std::vector<int64_t>{1, 1, 16, 24}));
  EXPECT_EQ(logged("width"), 24);
}

TEST_F(ProgressiveResizingTest, LeavesTargetsUnlessItIsToldOtherwise) {
  EXPECT_EQ(act({}, 0).at("target").sizes(), (std::vector<int64_t>{1, 8, 12}));
  const Batch batch = act({.resize_targets = true}, 0);
  EXPECT_EQ(batch.at("target").sizes(), (std::vector<int64_t>{1, 4, 6}));
  EXPECT_EQ(batch.at("target")[0][1][1].item<int64_t>(), 2 * 12 + 2);
}

TEST_F(ProgressiveResizingTest, CropsAWindowFromInputAndTargetsAtOnePlace) {
  const ProgressiveResizingOptions options{.mode = ResizingMode::kCrop, .resize_targets = true};
  bool last_row = false;
  for (int64_t i = 0; i < 50; ++i) {
    const Batch batch = act(options, i % 50);
    const at::Tensor window = batch.at("input")[0][0], target = batch.at("target")[0];
    ASSERT_EQ(window.sizes(), (std::vector<int64_t>{8, 12}));
    ASSERT_EQ(target.sizes(), (std::vector<int64_t>{4, 6}));
    const auto first = window[0][0].item<int64_t>();
    EXPECT_TRUE(window.diff(1, 1).eq(1).all().item<bool>());
    EXPECT_EQ(target[0][0].item<int64_t>(), first / 24 / 2 * 12 + first % 24 / 2);
    last_row = last_row || first / 24 == 8;
  }
  EXPECT_TRUE(last_row);
}

TEST_F(ProgressiveResizingTest, SaysWhatIsNoImage) {
  state_.batch = {{"input", at::zeros({2, 3})}, {"target", at::zeros({2})}};
  EXPECT_THROW(ProgressiveResizing().apply(Event::kAfterDataloader, state_, logger_),
               c10::ValueError);
}

TEST(ProgressiveResizing, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  const ProgressiveResizingOptions defaults;
  const config::ProgressiveResizing config;
  EXPECT_EQ(config.initial_scale(), defaults.initial_scale);
  EXPECT_EQ(config.finetune_fraction(), defaults.finetune_fraction);
  EXPECT_EQ(config.delay_fraction(), defaults.delay_fraction);
  EXPECT_EQ(config.size_increment(), defaults.size_increment);
  EXPECT_EQ(config.resize_targets(), defaults.resize_targets);
  EXPECT_EQ(config.mode(), config::ProgressiveResizing::RESIZE);
  EXPECT_TRUE(ProgressiveResizing::create(config).ok());
  const auto wrong = [](auto change) {
    config::ProgressiveResizing config;
    change(config);
    return field_of(ProgressiveResizing::create(config).status());
  };
  EXPECT_EQ(wrong([](auto& config) { config.set_initial_scale(0); }), "initial_scale");
  EXPECT_EQ(wrong([](auto& config) { config.set_finetune_fraction(1.5); }), "finetune_fraction");
  EXPECT_EQ(wrong([](auto& config) { config.set_delay_fraction(-1); }), "delay_fraction");
  EXPECT_EQ(wrong([](auto& config) { config.set_delay_fraction(0.9); }), "delay_fraction");
  EXPECT_EQ(wrong([](auto& config) { config.set_size_increment(0); }), "size_increment");
}

}  // namespace
}  // namespace composer
