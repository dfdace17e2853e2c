#include "algorithms/box.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "algorithms/draws.h"
#include "tests/algorithms/golden.h"

namespace composer {
namespace {

using testing::golden;

TEST(BoxAround, IsComposersForEvenSides) {
  const at::Tensor boxes = golden("boxes");
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    const auto* row = boxes[i].const_data_ptr<int64_t>();
    const Box expected{.top = row[4], .left = row[5], .bottom = row[6], .right = row[7]};
    EXPECT_EQ(box_around(row[0], row[1], {row[2], row[3]}, {9, 7}), expected) << "row " << i;
  }
}

TEST(BoxAround, HasOddSides) {
  EXPECT_EQ(box_around(4, 3, {5, 3}, {9, 7}), (Box{2, 2, 7, 5}));
  EXPECT_EQ(box_around(0, 6, {5, 3}, {9, 7}), (Box{0, 5, 3, 7}));
  EXPECT_EQ(box_around(8, 0, {1, 1}, {9, 7}), (Box{8, 0, 9, 1}));
}

at::Tensor times_covered(bool uniform, int draws) {
  const at::Generator generator = at::detail::createCPUGenerator(3);
  at::Tensor count = at::zeros({5, 4}, at::kDouble);
  for (int i = 0; i < draws; ++i)
    inside(count, draw_box({3, 2}, {5, 4}, uniform, generator)).add_(1);
  return count / draws;
}

TEST(DrawBox, IsAsOftenOverEachPixelWhenUniform) {
  // Of 7 rows and 5 columns where it can begin, 3 and 2 cover a pixel.
  const at::Tensor part = times_covered(true, 20000);
  EXPECT_NEAR(part.min().item<double>(), 6.0 / 35, 0.012);
  EXPECT_NEAR(part.max().item<double>(), 6.0 / 35, 0.012);
}

TEST(DrawBox, HasItsMiddleAnywhereInTheImageOtherwise) {
  const at::Tensor part = times_covered(false, 20000);
  // Of 5 x 4 middles, 2 x 2 cover the first pixel and 3 x 2 one further in; columns begin one
  // before the middle, so the last column has one.
  EXPECT_NEAR(part[0][0].item<double>(), 4.0 / 20, 0.012);
  EXPECT_NEAR(part[2][1].item<double>(), 6.0 / 20, 0.012);
  EXPECT_NEAR(part[2][3].item<double>(), 3.0 / 20, 0.012);
}

TEST(DrawBox, OfNoSizeIsEmpty) {
  const at::Generator generator = at::detail::createCPUGenerator(3);
  for (const bool uniform : {false, true}) {
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(covered(draw_box({0, 0}, {1, 2}, uniform, generator), {1, 2}), 0);
    }
  }
}

TEST(Inside, IsAViewOfTheLastTwoDimensions) {
  at::Tensor images = at::zeros({2, 3, 4});
  inside(images, {.top = 1, .left = 2, .bottom = 3, .right = 4}).fill_(1);
  EXPECT_EQ(images.sum().item<double>(), 2 * 2 * 2);
  EXPECT_EQ(images[1][2][3].item<double>(), 1);
  EXPECT_EQ(images[1][0][3].item<double>(), 0);
  EXPECT_EQ(covered({.top = 1, .left = 2, .bottom = 3, .right = 4}, image_size(images)), 4.0 / 12);
}

TEST(ImageSize, SaysWhatIsNoImage) {
  try {
    image_size(at::zeros({6, 4}));
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("expected images, [samples, channels, height, width], not a "
                                     "tensor of shape [6, 4]"));
  }
}

// Mean 1/2 and variance 1 / (4 (2 alpha + 1)).
TEST(DrawBeta, HasTheMomentsOfItsDistribution) {
  constexpr int kDraws = 20000;
  for (const double alpha : {0.001, 0.3, 1.0, 8.0}) {
    const at::Generator generator = at::detail::createCPUGenerator(7);
    double sum = 0, squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double z = draw_beta(alpha, generator);
      ASSERT_TRUE(z >= 0 && z <= 1) << z;
      sum += z;
      squares += (z - 0.5) * (z - 0.5);
    }
    EXPECT_NEAR(sum / kDraws, 0.5, 0.012) << alpha;
    EXPECT_NEAR(squares / kDraws, 0.25 / (2 * alpha + 1), 0.003) << alpha;
  }
}

TEST(DrawBelow, GivesEveryNumberAlike) {
  const at::Generator generator = at::detail::createCPUGenerator(1);
  std::vector<int> count(3);
  for (int i = 0; i < 3000; ++i) ++count.at(draw_below(3, generator));
  for (const int times : count) EXPECT_NEAR(times, 1000, 100);
}

}  // namespace
}  // namespace composer
