#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_join.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::EventRecorder;
using testing::plain_sgd;
using testing::TinyLoader;
using testing::TinyModel;

std::unique_ptr<Trainer> make_trainer(std::vector<std::string>* events, TrainerOptions options) {
  options.model = std::make_shared<TinyModel>();
  options.optimizers = {plain_sgd(0.1)};
  options.callbacks.push_back(std::make_unique<EventRecorder>(events));
  absl::StatusOr<std::unique_ptr<Trainer>> trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

// Two batches, the first of two microbatches, and an evaluator that runs at the end of the epoch.
TEST(EventOrder, IsComposersInOneEpoch) {
  std::vector<std::string> events;
  TrainerOptions options;
  options.train = std::make_shared<TinyLoader>(6, 4);
  options.max_duration = "1ep";
  options.device_train_microbatch_size = 2;
  options.evaluators = {{.label = "eval", .data = std::make_shared<TinyLoader>(4, 4)}};
  const auto trainer = make_trainer(&events, std::move(options));
  ASSERT_TRUE(trainer->fit().ok());

  const std::vector<std::string> expected = {
      "init",
      "before_load",
      "after_load",
      "fit_start",
      "iteration_start",
      "epoch_start",
      // The first batch: two microbatches.
      "before_dataloader",
      "after_dataloader",
      "batch_start",
      "before_train_batch",
      "before_forward",
      "after_forward",
      "before_loss",
      "after_loss",
      "before_backward",
      "after_backward",
      "before_forward",
      "after_forward",
      "before_loss",
      "after_loss",
      "before_backward",
      "after_backward",
      "after_train_batch",
      "batch_end",
      "batch_checkpoint",
      // The second batch: one.
      "before_dataloader",
      "after_dataloader",
      "batch_start",
      "before_train_batch",
      "before_forward",
      "after_forward",
      "before_loss",
      "after_loss",
      "before_backward",
      "after_backward",
      "after_train_batch",
      "batch_end",
      "batch_checkpoint",
      // The fetch that ends the epoch.
      "before_dataloader",
      "epoch_end",
      "eval_before_all",
      "eval_start",
      "eval_batch_start",
      "eval_before_forward",
      "eval_after_forward",
      "eval_batch_end",
      "eval_end",
      "eval_after_all",
      "epoch_checkpoint",
      "fit_end",
  };
  EXPECT_EQ(absl::StrJoin(events, "\n"), absl::StrJoin(expected, "\n"));
}

TEST(EventOrder, OfEvalAndPredictOutsideFit) {
  std::vector<std::string> events;
  TrainerOptions options;
  options.evaluators = {{.label = "eval", .data = std::make_shared<TinyLoader>(4, 4)}};
  const auto trainer = make_trainer(&events, std::move(options));
  events.clear();
  ASSERT_TRUE(trainer->eval().ok());
  EXPECT_EQ(absl::StrJoin(events, " "),
            "eval_standalone_start eval_start eval_batch_start eval_before_forward "
            "eval_after_forward eval_batch_end eval_end eval_standalone_end");

  events.clear();
  TinyLoader data(4, 4);
  ASSERT_TRUE(trainer->predict(data).ok());
  EXPECT_EQ(absl::StrJoin(events, " "),
            "predict_start predict_batch_start predict_before_forward predict_after_forward "
            "predict_batch_end predict_end");
}

TEST(EventOrder, IterationsGroupEpochs) {
  std::vector<std::string> events;
  TrainerOptions options;
  options.train = std::make_shared<TinyLoader>(4, 4);
  options.max_duration = "5ep";
  options.iteration_length = "2ep";
  const auto trainer = make_trainer(&events, std::move(options));
  ASSERT_TRUE(trainer->fit().ok());
  std::map<std::string, int> counts;
  for (const std::string& event : events) ++counts[event];
  EXPECT_EQ(trainer->state().timestamp.iteration, 2);
  EXPECT_EQ(counts["iteration_start"], 3);
  EXPECT_EQ(counts["iteration_end"], 2);
  EXPECT_EQ(counts["epoch_end"], 5);
  EXPECT_EQ(counts["before_dataloader"], 10);  // five batches and five ends
}

TEST(EventOrder, AnIntervalOfBatchesEvaluatesBetweenBatchEndAndCheckpoint) {
  std::vector<std::string> events;
  TrainerOptions options;
  options.train = std::make_shared<TinyLoader>(8, 4);
  options.max_duration = "1ep";
  options.evaluators = {
      {.label = "a", .data = std::make_shared<TinyLoader>(4, 4), .interval = "1ba"},
      {.label = "b", .data = std::make_shared<TinyLoader>(8, 4), .interval = "2ba"},
      {.label = "never", .data = std::make_shared<TinyLoader>(8, 4), .interval = "0ep"}};
  const auto trainer = make_trainer(&events, std::move(options));
  ASSERT_TRUE(trainer->fit().ok());
  std::map<std::string, int> counts;
  for (const std::string& event : events) ++counts[event];
  EXPECT_EQ(counts["eval_before_all"], 2);
  EXPECT_EQ(counts["eval_start"], 3);
  EXPECT_EQ(counts["eval_batch_start"], 4);
  const auto first = std::find(events.begin(), events.end(), "eval_before_all");
  EXPECT_EQ(*(first - 1), "batch_end");
  EXPECT_EQ(*(std::find(events.begin(), events.end(), "eval_after_all") + 1), "batch_checkpoint");
}

}  // namespace
}  // namespace composer
