#include "composer/data/transforms/random_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "composer/base/status.h"

namespace composer {
namespace {

constexpr WindowBounds kCrop{
    .scale_min = 0.08, .scale_max = 1, .ratio_min = 0.75, .ratio_max = 4.0 / 3};
constexpr WindowBounds kErasing{
    .scale_min = 0.02, .scale_max = 0.33, .ratio_min = 0.3, .ratio_max = 3.3};

TEST(RandomWindowTest, CropsLieInTheImageAndKeepTheBounds) {
  double areas = 0;
  double logarithms = 0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    CounterRandom random(i);
    const ImageWindow w = draw_crop_window(500, 500, kCrop, random);
    ASSERT_GE(w.top, 0);
    ASSERT_GE(w.left, 0);
    ASSERT_LE(w.top + w.height, 500);
    ASSERT_LE(w.left + w.width, 500);
    const double ratio = static_cast<double>(w.width) / static_cast<double>(w.height);
    const double area = static_cast<double>(w.width * w.height) / (500.0 * 500.0);
    // Sides are rounded to whole pixels.
    ASSERT_NEAR(std::clamp(ratio, 0.75, 4.0 / 3), ratio, 0.01);
    ASSERT_GT(area, 0.08 * 0.98);
    areas += area;
    logarithms += std::log(ratio);
  }
  // Large windows of extreme ratios do not fit, so the mean is below the middle of the bounds,
  // 0.54; torchvision's comes to the same.
  EXPECT_NEAR(areas / kDraws, 0.479, 0.006);
  EXPECT_NEAR(logarithms / kDraws, 0, 0.01);
}

TEST(RandomWindowTest, SmallCropsHaveUniformAreasAndPlaces) {
  constexpr WindowBounds kSmall{.scale_min = 0.1, .scale_max = 0.3, .ratio_min = 1, .ratio_max = 1};
  double areas = 0;
  double squares = 0;
  int in_quarter = 0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    CounterRandom random(i);
    const ImageWindow w = draw_crop_window(1000, 1000, kSmall, random);
    const double area = static_cast<double>(w.width * w.height) / 1e6;
    areas += area;
    squares += area * area;
    in_quarter += 2 * w.top <= 1000 - w.height && 2 * w.left <= 1000 - w.width;
  }
  const double mean = areas / kDraws;
  EXPECT_NEAR(mean, 0.2, 0.002);
  EXPECT_NEAR(squares / kDraws - mean * mean, 0.2 * 0.2 / 12, 1e-4);
  EXPECT_NEAR(in_quarter, kDraws / 4, 300);
}

TEST(RandomWindowTest, TakesTheMiddleWhereNothingFits) {
  // A ratio of 10 cannot have more than a tenth of a square's area.
  constexpr WindowBounds kWide{.scale_min = 0.9, .scale_max = 1, .ratio_min = 10, .ratio_max = 10};
  CounterRandom random(1);
  const ImageWindow wide = draw_crop_window(100, 100, kWide, random);
  EXPECT_EQ(wide.width, 100);
  EXPECT_EQ(wide.height, 10);
  EXPECT_EQ(wide.top, 45);
  EXPECT_EQ(wide.left, 0);
  constexpr WindowBounds kTall{
      .scale_min = 0.9, .scale_max = 1, .ratio_min = 0.1, .ratio_max = 0.1};
  const ImageWindow tall = draw_crop_window(100, 100, kTall, random);
  EXPECT_EQ(tall.height, 100);
  EXPECT_EQ(tall.width, 10);
  EXPECT_EQ(tall.left, 45);
  // As much as fits of an image of one pixel.
  const ImageWindow pixel = draw_crop_window(1, 1, kWide, random);
  EXPECT_EQ(pixel.height, 1);
  EXPECT_EQ(pixel.width, 1);
}

TEST(RandomWindowTest, ErasesWithinTheBounds) {
  double areas = 0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    CounterRandom random(i);
    const auto w = draw_erased_window(300, 400, kErasing, random);
    ASSERT_TRUE(w.has_value());
    ASSERT_GE(w->top, 0);
    ASSERT_GE(w->left, 0);
    ASSERT_LE(w->top + w->height, 300);
    ASSERT_LE(w->left + w->width, 400);
    const double ratio = static_cast<double>(w->height) / static_cast<double>(w->width);
    ASSERT_NEAR(std::clamp(ratio, 0.3, 3.3), ratio, 0.1);
    areas += static_cast<double>(w->height * w->width) / (300.0 * 400.0);
  }
  EXPECT_NEAR(areas / kDraws, 0.171, 0.005);
}

TEST(RandomWindowTest, ErasesNothingWhereNothingFits) {
  constexpr WindowBounds kAll{.scale_min = 1, .scale_max = 1, .ratio_min = 1, .ratio_max = 1};
  CounterRandom random(1);
  EXPECT_FALSE(draw_erased_window(5, 5, kAll, random).has_value());
}

TEST(RandomWindowTest, RefusesBoundsThatAreNone) {
  EXPECT_TRUE(check_bounds(kCrop).ok());
  const auto field = [](WindowBounds bounds) { return field_of(check_bounds(bounds)); };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(field({.scale_min = 0}), "scale_min");
  EXPECT_EQ(field({.scale_min = nan}), "scale_min");
  EXPECT_EQ(field({.scale_min = 0.5, .scale_max = 0.4}), "scale_max");
  EXPECT_EQ(field({.scale_min = 0.5, .scale_max = 1.1}), "scale_max");
  EXPECT_EQ(field({.scale_min = 0.5, .ratio_min = 0}), "ratio_min");
  EXPECT_EQ(field({.scale_min = 0.5, .ratio_min = 2, .ratio_max = 1}), "ratio_max");
}

}  // namespace
}  // namespace composer
