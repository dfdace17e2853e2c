#include "algorithms/label_smoothing.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "algorithms/targets.h"
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
using testing::IsNear;

template <typename Function>
std::string message_of(Function&& function) {
  try {
    function();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(SmoothLabels, GivesComposersValues) {
  const at::Tensor logits = golden("smooth/logits");
  for (const std::string name : {"index", "dense"}) {
    EXPECT_THAT(smooth_labels(logits, golden("smooth/" + name + "/targets"), 0.15),
                IsNear(golden("smooth/" + name + "/result"), 1e-7))
        << name;
  }
}

TEST(SmoothLabels, GivesComposersValuesForSegmentation) {
  EXPECT_THAT(smooth_labels(golden("smooth/segmentation/logits"),
                            golden("smooth/segmentation/targets"), 0.15),
              IsNear(golden("smooth/segmentation/result"), 1e-7));
}

TEST(SmoothLabels, IsWhatCrossEntropySmoothsByItself) {
  const at::Tensor logits = golden("smooth/logits"), targets = golden("smooth/index/targets");
  const at::Tensor by_torch =
      at::cross_entropy_loss(logits, targets, {}, at::Reduction::Mean, -100, 0.3);
  EXPECT_THAT(at::cross_entropy_loss(logits, smooth_labels(logits, targets, 0.3)),
              IsNear(by_torch, 1e-6));
}

TEST(SmoothLabels, LeavesIgnoredPositionsWithoutWeight) {
  const at::Tensor smoothed =
      smooth_labels(golden("smooth/logits"), golden("one_hot/targets"), 0.2);
  EXPECT_THAT(smoothed.sum(1), IsNear(at::tensor({1.f, 0.f, 1.f, 0.f, 1.f}), 1e-6));
}

TEST(DenseTargets, GivesComposersValuesIgnoredPositionsIncluded) {
  EXPECT_THAT(dense_targets(golden("smooth/logits"), golden("one_hot/targets")),
              IsExactly(golden("one_hot/result")));
}

TEST(DenseTargets, TakesSmallIntegersAndFollowsDoubleLogits) {
  const at::Tensor logits = golden("smooth/logits"), targets = golden("smooth/index/targets");
  EXPECT_THAT(dense_targets(logits, targets.to(at::kByte)),
              IsExactly(dense_targets(logits, targets)));
  EXPECT_EQ(dense_targets(logits.to(at::kDouble), targets).scalar_type(), at::kDouble);
  EXPECT_EQ(dense_targets(logits.to(at::kHalf), targets).scalar_type(), at::kFloat);
}

TEST(DenseTargets, RefusesWhatDoesNotFitTheLogits) {
  const at::Tensor logits = at::zeros({3, 4});
  EXPECT_THAT(message_of([&] { dense_targets(logits, at::full({3}, 4, at::kLong)); }),
              HasSubstr("a target is of class 4, and the model knows classes 0 to 3"));
  EXPECT_THAT(message_of([&] {
                dense_targets(logits, at::zeros({3, 5}));
              }),
              HasSubstr("targets of shape [3, 5] do not belong to logits of shape [3, 4]"));
  EXPECT_THAT(message_of([&] { dense_targets(logits, at::zeros({3})); }),
              HasSubstr("classes are integers, not Float"));
}

class LabelSmoothingTest : public ::testing::Test {
 protected:
  LabelSmoothingTest() {
    state_.batch = {{"input", at::zeros({5, 2})}, {"target", golden("smooth/index/targets")}};
    state_.outputs = {{"logits", golden("smooth/logits")}};
  }
  void run(Algorithm& algorithm, Event event) {
    ASSERT_TRUE(algorithm.match(event, state_));
    algorithm.apply(event, state_, logger_);
  }

  State state_;
  Logger logger_;
};

TEST_F(LabelSmoothingTest, SmoothsBeforeTheLossAndRestoresAfterIt) {
  const at::Tensor targets = state_.batch.at("target");
  LabelSmoothing algorithm(0.15);
  run(algorithm, Event::kBeforeLoss);
  EXPECT_THAT(state_.batch.at("target"), IsNear(golden("smooth/index/result"), 1e-7));
  EXPECT_THAT(targets, IsExactly(golden("smooth/index/targets")));
  run(algorithm, Event::kAfterLoss);
  EXPECT_TRUE(state_.batch.at("target").is_same(targets));
}

TEST_F(LabelSmoothingTest, FindsTheTargetsByNameOrByKey) {
  const at::Tensor targets = state_.batch.at("target");
  state_.batch.erase("target");
  state_.batch.set("labels", targets);
  LabelSmoothing by_name(0.15);
  run(by_name, Event::kBeforeLoss);
  EXPECT_THAT(state_.batch.at("labels"), IsNear(golden("smooth/index/result"), 1e-7));

  state_.batch.set("labels", targets);
  state_.batch.set("y", targets);
  LabelSmoothing by_key(0.15, "y");
  run(by_key, Event::kBeforeLoss);
  EXPECT_THAT(state_.batch.at("y"), IsNear(golden("smooth/index/result"), 1e-7));
  EXPECT_TRUE(state_.batch.at("labels").is_same(targets));
}

TEST_F(LabelSmoothingTest, TakesTheOnlyOutputAndRefusesSeveral) {
  state_.outputs = {{"scores", golden("smooth/logits")}};
  LabelSmoothing algorithm;
  run(algorithm, Event::kBeforeLoss);
  state_.outputs = {{"one", at::zeros({5, 4})}, {"other", at::zeros({5, 4})}};
  EXPECT_THAT(message_of([&] { algorithm.apply(Event::kBeforeLoss, state_, logger_); }),
              HasSubstr("LabelSmoothing acts on the targets of one output, and the model gives 2"));
}

TEST_F(LabelSmoothingTest, IsMadeFromItsConfigWithTheSameDefault) {
  const auto algorithm = LabelSmoothing::create(config::LabelSmoothing());
  ASSERT_TRUE(algorithm.ok()) << algorithm.status();
  run(**algorithm, Event::kBeforeLoss);
  const at::Tensor by_config = state_.batch.at("target");
  run(**algorithm, Event::kAfterLoss);
  LabelSmoothing plain;
  run(plain, Event::kBeforeLoss);
  EXPECT_THAT(by_config, IsExactly(state_.batch.at("target")));
}

TEST_F(LabelSmoothingTest, RefusesASmoothingOutsideOfZeroToOne) {
  config::LabelSmoothing config;
  config.set_smoothing(1.5);
  const absl::Status status = LabelSmoothing::create(config).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(field_of(status), "smoothing");
  EXPECT_EQ(status.message(), "must be from 0 to 1, not 1.5");
  EXPECT_THAT(message_of([] { LabelSmoothing algorithm(-0.1); }), HasSubstr("not -0.1"));
}

}  // namespace
}  // namespace composer
