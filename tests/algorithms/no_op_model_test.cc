#include "algorithms/no_op_model.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "algorithms/label_smoothing.h"
#include "composer/core/state.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/trainer.h"
#include "tests/algorithms/golden.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::golden;
using testing::IsExactly;
using testing::IsNear;
using testing::TinyLoader;
using testing::TinyModel;

TEST(TargetTimesWeight, GivesComposersValues) {
  TargetTimesWeight model;
  const Batch batch = {{"target", golden("no_op/targets")}};
  const Outputs outputs = model.forward(batch);
  EXPECT_THAT(outputs.at("output"), IsExactly(golden("no_op/output")));
  EXPECT_THAT(model.loss(outputs, batch).total(), IsNear(golden("no_op/loss"), 1e-6));
  EXPECT_THAT(model.per_sample_loss(outputs, batch).mean(), IsNear(golden("no_op/loss"), 1e-6));
}

TEST(TargetTimesWeight, TakesTargetsOfAnyShape) {
  TargetTimesWeight model;
  const Batch batch = {{"labels", at::ones({2, 3, 4})}};
  EXPECT_THAT(model.per_sample_loss(model.forward(batch), batch),
              IsNear(at::full({2}, 0.25), 1e-6));
}

TEST(NoOpModel, IsWhatIsTrainedAndEvaluated) {
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(12, 6);
  options.evaluators = {{.data = std::make_shared<TinyLoader>(6, 6)}};
  options.max_duration = "2ba";
  options.optimizers = {sgd({.lr = 0.1})};
  options.algorithms.push_back(std::make_unique<NoOpModel>());
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->fit();
  ASSERT_TRUE(status.ok()) << status;
  const auto model = std::dynamic_pointer_cast<TargetTimesWeight>((*trainer)->state().model);
  ASSERT_NE(model, nullptr);
  EXPECT_LT(model->weights.item<double>(), 1.5);
  EXPECT_GT(model->weights.item<double>(), 1);
  EXPECT_TRUE((*trainer)->eval().ok());
}

TEST(NoOpModel, RefusesWhatNeedsLogitsForItsTargets) {
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(12, 6);
  options.max_duration = "2ba";
  options.optimizers = {sgd({.lr = 0.1})};
  options.algorithms.push_back(std::make_unique<NoOpModel>());
  options.algorithms.push_back(std::make_unique<LabelSmoothing>());
  const absl::Status status = Trainer::create(std::move(options)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(::testing::HasSubstr("NoOpModel at init"),
                               ::testing::HasSubstr("leave LabelSmoothing out")));
}

}  // namespace
}  // namespace composer
