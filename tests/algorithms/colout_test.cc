#include "algorithms/colout.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
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
using ::testing::HasSubstr;
using testing::IsExactly;

at::Tensor first_sorted(const at::Tensor& order, int64_t count) {
  return std::get<0>(order.narrow(0, 0, count).sort());
}

TEST(ColOutBatch, GivesComposersValues) {
  // Of 10 rows and 9 columns it drops 0.35 and 0.2.
  const at::Tensor rows = first_sorted(golden("colout/row_order"), 6);
  const at::Tensor columns = first_sorted(golden("colout/column_order"), 7);
  EXPECT_THAT(colout_batch(golden("colout/input"), rows, columns),
              IsExactly(golden("colout/result")));
  EXPECT_THAT(colout_batch(golden("colout/targets"), rows, columns),
              IsExactly(golden("colout/target_result")));
}

TEST(DrawKept, KeepsComposersNumberInOrder) {
  const at::Generator generator = at::detail::createCPUGenerator(2);
  for (const auto& [size, p, kept] : {std::tuple(10, 0.35, 6),
                                      {9, 0.2, 7},
                                      {20, 0.15, 17},
                                      {5, 0.0, 5},
                                      {5, 1.0, 1},
                                      {1, 0.15, 1}}) {
    const at::Tensor numbers = draw_kept(size, p, generator);
    ASSERT_EQ(numbers.size(0), kept) << size << ", " << p;
    EXPECT_TRUE(numbers.diff().gt(0).all().item<bool>());
    EXPECT_GE(numbers.min().item<int64_t>(), 0);
    EXPECT_LT(numbers.max().item<int64_t>(), size);
  }
}

Batch act(const ColOutOptions& options, const at::Tensor& target) {
  State state;
  Logger logger;
  // Pixels that say where they were.
  const at::Tensor input = at::arange(80).reshape({1, 1, 8, 10}).repeat({2, 1, 1, 1});
  state.batch = {{"input", input}, {"target", target}};
  ColOut algorithm(options);
  EXPECT_TRUE(algorithm.match(Event::kAfterDataloader, state));
  algorithm.apply(Event::kAfterDataloader, state, logger);
  return state.batch;
}

TEST(ColOut, DropsTheSameRowsAndColumnsOfTheInputAndOfTargetsForEachPixel) {
  const at::Tensor target = at::arange(80).reshape({1, 8, 10}).repeat({2, 1, 1});
  const Batch batch = act({.p_row = 0.25, .p_col = 0.5}, target);
  EXPECT_EQ(batch.at("input").sizes(), (std::vector<int64_t>{2, 1, 6, 5}));
  EXPECT_THAT(batch.at("target"), IsExactly(batch.at("input").squeeze(1)));
}

TEST(ColOut, LeavesOtherTargetsAndThoseItIsToldTo) {
  const at::Tensor classes = at::arange(2);
  EXPECT_TRUE(act({}, classes).at("target").is_same(classes));
  const at::Tensor other = at::zeros({2, 4, 4});
  EXPECT_TRUE(act({}, other).at("target").is_same(other));
  const at::Tensor pixels = at::zeros({2, 8, 10});
  const Batch batch = act({.resize_target = ColOutTargets::kNever}, pixels);
  EXPECT_TRUE(batch.at("target").is_same(pixels));
  EXPECT_EQ(batch.at("input").size(-1), 8);
}

TEST(ColOut, RefusesTargetsOfAnotherSizeWhenTheyAreAlwaysResized) {
  try {
    act({.resize_target = ColOutTargets::kAlways}, at::arange(2));
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("targets of shape [2] cannot lose rows and columns of an "
                                        "input of 8x10"));
  }
}

TEST(ColOut, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  config::ColOut config;
  EXPECT_EQ(config.p_row(), ColOutOptions().p_row);
  EXPECT_EQ(config.p_col(), ColOutOptions().p_col);
  EXPECT_EQ(config.resize_target(), config::ColOut::AUTO);
  EXPECT_TRUE(ColOut::create(config).ok());
  config.set_p_row(1.5);
  EXPECT_EQ(field_of(ColOut::create(config).status()), "p_row");
  config.set_p_row(1);
  config.set_p_col(-0.1);
  EXPECT_EQ(field_of(ColOut::create(config).status()), "p_col");
}

}  // namespace
}  // namespace composer
