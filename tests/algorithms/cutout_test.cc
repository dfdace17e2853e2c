#include "algorithms/cutout.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(CutOutBatch, GivesComposersValues) {
  const at::Tensor images = golden("cutout/input"), middles = golden("cutout/middles");
  std::vector<Box> holes;
  for (int64_t i = 0; i < 2; ++i) {
    holes.push_back(box_around(middles[i][0].item<int64_t>(), middles[i][1].item<int64_t>(), {4, 4},
                               image_size(images)));
  }
  const at::Tensor before = images.clone();
  EXPECT_THAT(cutout_batch(images, holes), IsExactly(golden("cutout/result")));
  EXPECT_THAT(images, IsExactly(before));
}

Batch cut(const CutOutOptions& options, int64_t height, int64_t width, int64_t batch = 0) {
  State state;
  Logger logger;
  state.timestamp.batch = batch;
  state.batch = {{"input", at::ones({2, 3, height, width})}, {"other", at::ones({2, 1, 8, 8})}};
  CutOut algorithm(options);
  EXPECT_TRUE(algorithm.match(Event::kAfterDataloader, state));
  algorithm.apply(Event::kAfterDataloader, state, logger);
  return state.batch;
}

TEST(CutOut, CutsTheSameSquareOutOfAllImagesOfABatch) {
  double most = 0;
  for (int64_t batch = 0; batch < 30; ++batch) {
    const at::Tensor input = cut({.length = 0.5}, 20, 10, batch).at("input");
    const at::Tensor hole = 1 - input;
    EXPECT_TRUE(at::equal(hole[0], hole[1])) << batch;
    EXPECT_TRUE(at::equal(hole[0][0], hole[0][2])) << batch;
    most = std::max(most, hole[0][0].sum().item<double>());
    EXPECT_GE(hole[0][0].sum().item<double>(), 2 * 2) << batch;
  }
  EXPECT_EQ(most, 25);  // a side of half of the smaller side, which is odd
}

TEST(CutOut, CutsAsManyHolesAsItIsTold) {
  // Holes of one pixel, which rarely meet.
  const at::Tensor input = cut({.num_holes = 9, .length = 0.01}, 50, 50).at("input");
  const double missing = (1 - input[0][0]).sum().item<double>();
  EXPECT_LE(missing, 9);
  EXPECT_GE(missing, 7);
}

TEST(CutOut, ReachesOverTheSidesWhenUniform) {
  int emptier = 0;
  for (int64_t batch = 0; batch < 60; ++batch) {
    const at::Tensor input = cut({.length = 1, .uniform_sampling = true}, 8, 8, batch).at("input");
    if ((1 - input[0][0]).sum().item<double>() < 16) ++emptier;
  }
  // A middle inside leaves half of each side at least: 16 pixels.
  EXPECT_GT(emptier, 10);
}

TEST(CutOut, ActsOnTheTensorThatItIsGiven) {
  const Batch batch = cut({.input_key = "other"}, 4, 4);
  EXPECT_TRUE(at::equal(batch.at("input"), at::ones({2, 3, 4, 4})));
  EXPECT_FALSE(at::equal(batch.at("other"), at::ones({2, 1, 8, 8})));
}

TEST(CutOut, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  config::CutOut config;
  EXPECT_EQ(config.num_holes(), CutOutOptions().num_holes);
  EXPECT_EQ(config.length(), CutOutOptions().length);
  EXPECT_EQ(config.uniform_sampling(), CutOutOptions().uniform_sampling);
  EXPECT_TRUE(CutOut::create(config).ok());
  config.set_length(1.5);
  EXPECT_EQ(field_of(CutOut::create(config).status()), "length");
  config.set_length(0.5);
  config.set_num_holes(0);
  EXPECT_EQ(field_of(CutOut::create(config).status()), "num_holes");
}

}  // namespace
}  // namespace composer
