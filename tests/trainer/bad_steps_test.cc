// What the trainer does with steps whose numbers are not finite.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/snapshot.h"
#include "composer/data/batches_loader.h"
#include "composer/data/loader.h"
#include "composer/data/tensor_dataset.h"
#include "composer/loggers/in_memory.h"
#include "composer/optim/adamw.h"
#include "composer/optim/lbfgs.h"
#include "composer/optim/schedules/linear.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/saved_step.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::plain_sgd;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Batch normalisation, whose running statistics a bad batch spoils, and dropout, whose draws it
// takes.
class NormModel final : public ComposerModel {
 public:
  NormModel() {
    weight = register_parameter("weight", at::randn({3, 4}) * 0.1);
    scale = register_parameter("scale", at::ones({4}));
    mean = register_buffer("mean", at::zeros({4}));
    variance = register_buffer("variance", at::ones({4}));
  }

  Outputs forward(const Batch& batch) override {
    const at::Tensor normal = at::batch_norm(batch.at("input"), scale, {}, mean, variance,
                                             is_training(), 0.1, 1e-5, false);
    return {{"logits", at::linear(at::dropout(normal, 0.2, is_training()), weight)}};
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    const at::Tensor loss = at::cross_entropy_loss(outputs.at("logits"), batch.at("target"));
    const at::Tensor* offset = batch.find("offset");
    return offset == nullptr ? loss : loss + *offset;
  }

  at::Tensor weight, scale, mean, variance;
};

std::vector<Batch> good_batches(int64_t count) {
  std::vector<Batch> batches;
  testing::TinyLoader loader(count * 4, 4);
  while (std::optional<Batch> batch = loader.next()) batches.push_back(*std::move(batch));
  return batches;
}

Batch bad_batch() {
  Batch batch = good_batches(1).front();
  batch.at("input")[1].fill_(kNaN);
  return batch;
}

// `good` batches with bad ones at these positions.
std::vector<Batch> with_bad(std::vector<Batch> good, const std::set<size_t>& positions) {
  std::vector<Batch> batches;
  auto next = good.begin();
  while (next != good.end() || positions.count(batches.size()) > 0) {
    batches.push_back(positions.count(batches.size()) > 0 ? bad_batch() : *next++);
  }
  return batches;
}

TrainerOptions options_of(std::vector<Batch> batches) {
  seed_everything(3);
  TrainerOptions options;
  options.model = std::make_shared<NormModel>();
  options.max_duration = absl::StrCat(batches.size(), "ba");
  options.train = std::make_shared<BatchesLoader>(std::move(batches));
  options.optimizers = {adamw({.lr = 0.1})};
  return options;
}

std::unique_ptr<Trainer> create(TrainerOptions options) {
  absl::StatusOr<std::unique_ptr<Trainer>> trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return trainer.ok() ? *std::move(trainer) : nullptr;
}

// What training has changed, without the clock and the counts.
StateDict learnt(const Trainer& trainer) {
  const StateDict all = trainer.state_dict();
  StateDict learnt;
  for (const char* part : {"model", "optimizers", "generators"}) {
    learnt.set(part, **all.child(part));
  }
  return learnt;
}

void expect_contains(absl::string_view text, absl::string_view part) {
  EXPECT_TRUE(absl::StrContains(text, part)) << "\"" << part << "\" is not in: " << text;
}

struct Case {
  std::string name;
  OptimizerFactory optimizer;
  bool as_device;
};

class BadStepsTest : public ::testing::TestWithParam<Case> {
 protected:
  TrainerOptions options(std::vector<Batch> batches) const {
    TrainerOptions options = options_of(std::move(batches));
    options.optimizers = {GetParam().optimizer};
    options.treat_cpu_as_device = GetParam().as_device;
    return options;
  }
};

INSTANTIATE_TEST_SUITE_P(All, BadStepsTest,
                         ::testing::Values(Case{"sgd", sgd({.lr = 0.1, .momentum = 0.9}), false},
                                           Case{"sgd_as_device", sgd({.lr = 0.1, .momentum = 0.9}),
                                                true},
                                           Case{"adamw", adamw({.lr = 0.1}), false},
                                           Case{"adamw_as_device", adamw({.lr = 0.1}), true},
                                           Case{"not_ours", plain_sgd(0.1), false},
                                           Case{"not_ours_as_device", plain_sgd(0.1), true}),
                         [](const auto& info) { return info.param.name; });

TEST_P(BadStepsTest, StopLeavesEverythingAsItWasBefore) {
  const std::vector<Batch> good = good_batches(3);
  for (const size_t position : {0, 2}) {
    SCOPED_TRACE(position);
    const std::vector<Batch> before(good.begin(), good.begin() + position);
    StateDict expected = learnt(*create(options(good)));
    if (position > 0) {
      const auto trainer = create(options(before));
      ASSERT_TRUE(trainer->fit().ok());
      expected = learnt(*trainer);
    }

    const auto trainer = create(options(with_bad(good, {position})));
    for (int attempt = 0; attempt < 2; ++attempt) {
      SCOPED_TRACE(attempt);
      const absl::Status status = trainer->fit();
      EXPECT_TRUE(is_diverged(status)) << status;
      for (const std::string& part :
           {absl::StrCat("batch ", position, " "), std::string("a gradient is not finite"),
            std::string("of weight"), std::string("1 more")}) {
        expect_contains(status.message(), part);
      }
      EXPECT_EQ(trainer->state().timestamp.batch, static_cast<int64_t>(position));
      EXPECT_EQ(trainer->state().skipped.batches, 0);
      EXPECT_EQ(learnt(*trainer).first_difference(expected), "");
    }
  }
}

TEST_P(BadStepsTest, SkipIsAsIfTheBatchHadNeverBeen) {
  const std::vector<Batch> good = good_batches(5);
  const auto reference = create(options(good));
  ASSERT_TRUE(reference->fit().ok());
  for (const std::set<size_t>& bad :
       std::vector<std::set<size_t>>{{0}, {2}, {5}, {1, 2, 3}, {0, 2, 4}}) {
    TrainerOptions skipping = options(with_bad(good, bad));
    skipping.on_bad_step = OnBadStep::kSkip;
    const auto trainer = create(std::move(skipping));
    const absl::Status status = trainer->fit();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(learnt(*trainer).first_difference(learnt(*reference)), "") << *bad.begin();
    const State& state = trainer->state();
    EXPECT_EQ(state.skipped.batches, static_cast<int64_t>(bad.size()));
    EXPECT_EQ(state.skipped.samples, static_cast<int64_t>(bad.size()) * 4);
    EXPECT_EQ(state.timestamp.batch, static_cast<int64_t>(5 + bad.size()));
  }
}

TEST_P(BadStepsTest, SchedulesDoNotMoveWithASkippedStep) {
  const auto train = [&](const std::set<size_t>& bad) {
    TrainerOptions scheduled = options(with_bad(good_batches(4), bad));
    scheduled.on_bad_step = OnBadStep::kSkip;
    scheduled.schedulers.push_back(
        std::make_unique<LinearSchedule>(LinearOptions{.t_max = Time::batches(10)}));
    const auto trainer = create(std::move(scheduled));
    EXPECT_TRUE(trainer->fit().ok());
    return learnt(*trainer);
  };
  const StateDict reference = train({});
  EXPECT_EQ(train({1, 2}).first_difference(reference), "");
}

TEST_P(BadStepsTest, MoreInARowThanAllowedStop) {
  TrainerOptions skipping = options(with_bad(good_batches(3), {0, 2, 3, 4}));
  skipping.on_bad_step = OnBadStep::kSkip;
  skipping.max_consecutive_skips = 2;
  const auto trainer = create(std::move(skipping));
  const absl::Status status = trainer->fit();
  EXPECT_TRUE(is_diverged(status)) << status;
  expect_contains(status.message(), "batch 4 ");
  expect_contains(status.message(), "the 2 steps before it were skipped");
  EXPECT_EQ(trainer->state().timestamp.batch, 4);
  EXPECT_EQ(trainer->state().skipped.batches, 3);
}

TEST_P(BadStepsTest, IgnoreLooksAtNothing) {
  TrainerOptions ignoring = options(with_bad(good_batches(2), {1}));
  ignoring.on_bad_step = OnBadStep::kIgnore;
  const auto trainer = create(std::move(ignoring));
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(trainer->state().skipped.batches, 0);
  EXPECT_TRUE(trainer->state().model->parameters()[0].isnan().any().item<bool>());
}

TEST_P(BadStepsTest, ASavedStepCanBeTakenAgain) {
  const std::string dir = absl::StrCat(::testing::TempDir(), "/bad_steps_", GetParam().name);
  TrainerOptions stopping = options(with_bad(good_batches(3), {2}));
  stopping.bad_step_dir = dir;
  stopping.config_text = "seed: 3\n";
  const auto trainer = create(std::move(stopping));
  const absl::Status status = trainer->fit();
  expect_contains(status.message(), absl::StrCat("composer replay ", dir, "/ba2"));
  EXPECT_FALSE(std::filesystem::exists(dir + "/ba2.tmp"));

  const absl::StatusOr<SavedStep> step = read_saved_step(dir + "/ba2");
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->batch, 2);
  EXPECT_EQ(step->batch_in_epoch, 2);
  expect_contains(step->reason, "a gradient is not finite");
  EXPECT_EQ(step->parameters, (std::vector<std::string>{"weight", "scale"}));
  EXPECT_EQ(step->learning_rates, std::vector<double>{0.1});
  EXPECT_EQ(step->indices, std::nullopt);
  EXPECT_EQ(step->dataloader_length, 4);
  EXPECT_EQ(step->config_text, "seed: 3\n");
  ASSERT_EQ(step->loss.size(), 1);
  EXPECT_EQ(step->loss[0].first, "total");
  EXPECT_TRUE(std::isnan(step->loss[0].second));
  ASSERT_EQ(step->data.size(), 2);
  EXPECT_EQ(step->data.begin()->first, "input");
  EXPECT_TRUE(at::equal(step->data.at("target"), bad_batch().at("target")));

  const auto again = create(options({step->data}));
  ASSERT_TRUE(again->load_state_dict(step->state).ok());
  EXPECT_EQ(learnt(*again).first_difference(learnt(*trainer)), "");
  EXPECT_EQ(again->state().timestamp.batch, 2);
  ASSERT_TRUE(again->repeat_step(step->data).ok());
  EXPECT_TRUE(again->state().model->parameters()[0].grad().isnan().any().item<bool>());
}

TEST(BadStepTest, ALossThatIsNotFiniteIsBadWithFiniteGradientsToo) {
  std::vector<Batch> batches = good_batches(3);
  batches[1].set("offset", at::full({4}, std::numeric_limits<float>::infinity()));
  TrainerOptions options = options_of(batches);
  const auto trainer = create(std::move(options));
  const absl::Status status = trainer->fit();
  EXPECT_TRUE(is_diverged(status)) << status;
  expect_contains(status.message(), "the loss is not finite");
  EXPECT_FALSE(absl::StrContains(status.message(), "gradient is")) << status;
  EXPECT_EQ(trainer->state().timestamp.batch, 1);
}

TEST(BadStepTest, SkippedStepsAreLogged) {
  auto logger = std::make_unique<InMemoryLogger>();
  InMemoryLogger* const log = logger.get();
  TrainerOptions options = options_of(with_bad(good_batches(3), {1}));
  options.on_bad_step = OnBadStep::kSkip;
  options.loggers.push_back(std::move(logger));
  const auto trainer = create(std::move(options));
  ASSERT_TRUE(trainer->fit().ok());
  const auto history = log->history("trainer/skipped_steps");
  ASSERT_EQ(history.size(), 3) << "from the bad one on";
  for (const InMemoryLogger::Entry& entry : history) EXPECT_EQ(entry.value, 1);
}

TEST(BadStepTest, SamplesOfADatasetAreNamed) {
  const std::string dir = ::testing::TempDir() + "/bad_samples";
  at::Tensor input = at::randn({12, 4});
  input[7].fill_(kNaN);
  auto dataset = std::make_shared<TensorDataset>(
      Batch{{"input", input}, {"target", at::zeros({12}, at::kLong)}});
  auto loader = MapDataLoader::create(dataset, {.batch_size = 3, .shuffle = true, .seed = 4});
  ASSERT_TRUE(loader.ok()) << loader.status();
  TrainerOptions options = options_of({});
  options.train = *std::move(loader);
  options.max_duration = "1ep";
  options.bad_step_dir = dir;
  const auto trainer = create(std::move(options));
  EXPECT_TRUE(is_diverged(trainer->fit()));
  const int64_t batch = trainer->state().timestamp.batch;
  const absl::StatusOr<SavedStep> step = read_saved_step(absl::StrCat(dir, "/ba", batch));
  ASSERT_TRUE(step.ok()) << step.status();
  ASSERT_TRUE(step->indices.has_value());
  EXPECT_EQ(step->indices->size(), 3);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*step->indices)[i] == 7, std::isnan(step->data.at("input")[i][0].item<float>()));
  }
}

TEST(BadStepTest, AFolderThatCannotBeMadeIsSaidAndTheRunStopsAllTheSame) {
  TrainerOptions options = options_of({bad_batch()});
  options.bad_step_dir = "/dev/null/bad_steps";
  const absl::Status status = create(std::move(options))->fit();
  EXPECT_TRUE(is_diverged(status));
  expect_contains(status.message(), "could not be saved");
}

// Updates its parameters by itself, twice a step, the second time with the batch's data.
class SelfUpdating final : public ComposerModel {
 public:
  SelfUpdating() { weight = register_parameter("weight", at::ones({4})); }
  Outputs forward(const Batch& batch) override { return {}; }
  Loss loss(const Outputs& outputs, const Batch& batch) override { return {}; }
  Loss train_step(TrainStep& step) override {
    for (const at::Tensor& data : {at::ones({4}), step.state().batch.at("input")}) {
      step.optimizer(0).zero_grad();
      step.backward((weight * data).sum());
      step.update(step.optimizer(0));
    }
    return {};
  }

  at::Tensor weight;
};

TEST(BadStepTest, AModelThatUpdatesItselfIsWatchedToo) {
  for (const bool as_device : {false, true}) {
    SCOPED_TRACE(as_device);
    TrainerOptions options = options_of(with_bad(good_batches(3), {1}));
    auto model = std::make_shared<SelfUpdating>();
    options.model = model;
    options.optimizers = {sgd({.lr = 0.1})};
    options.treat_cpu_as_device = as_device;
    const auto trainer = create(std::move(options));
    EXPECT_TRUE(is_diverged(trainer->fit()));
    EXPECT_EQ(trainer->state().timestamp.batch, 1);
    EXPECT_TRUE(at::isfinite(model->weight).all().item<bool>());
  }
}

TEST(BadStepTest, LbfgsGoesBackToWhereItsStepBegan) {
  for (const size_t position : {0, 2}) {
    SCOPED_TRACE(position);
    const auto train = [&](const std::set<size_t>& bad) {
      TrainerOptions options = options_of(with_bad(good_batches(3), bad));
      options.optimizers = {lbfgs({.lr = 0.1, .max_iter = 4})};
      options.on_bad_step = OnBadStep::kSkip;
      const auto trainer = create(std::move(options));
      EXPECT_TRUE(trainer->fit().ok());
      return learnt(*trainer);
    };
    EXPECT_EQ(train({position}).first_difference(train({})), "");
  }
}

// Is against the steps of the batches with these numbers.
class Against final : public Callback {
 public:
  Against(std::set<int64_t> batches, bool expected)
      : batches_(std::move(batches)), expected_(expected) {}
  void after_train_batch(State& state, Logger& logger) override {
    const bool against = batches_.count(state.timestamp.batch) > 0;
    state.step_checks.push_back({.reason = "a test is against it",
                                 .failed = against ? at::ones({}) : at::zeros({}),
                                 .expected = expected_});
  }

 private:
  std::set<int64_t> batches_;
  bool expected_;
};

TEST(BadStepTest, ExpectedFailuresOnlyLeaveTheUpdateOut) {
  for (const bool as_device : {false, true}) {
    for (const OnBadStep policy : {OnBadStep::kStop, OnBadStep::kSkip, OnBadStep::kIgnore}) {
      TrainerOptions options = options_of(good_batches(4));
      options.on_bad_step = policy;
      options.treat_cpu_as_device = as_device;
      options.callbacks.push_back(
          std::make_unique<Against>(std::set<int64_t>{1, 3}, /*expected=*/true));
      const auto trainer = create(std::move(options));
      const absl::Status status = trainer->fit();
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_EQ(trainer->state().skipped.batches, 2);
      const StateDict state = trainer->state_dict();
      const StateDict* optimizer = *(*state.child("optimizers"))->child("0");
      EXPECT_EQ(*(*optimizer->child("step"))->integer("weight"), 2);
    }
  }
}

TEST(BadStepTest, ACallbackCanBeAgainstAStep) {
  TrainerOptions options = options_of(good_batches(4));
  options.callbacks.push_back(std::make_unique<Against>(std::set<int64_t>{2}, false));
  const auto trainer = create(std::move(options));
  const absl::Status status = trainer->fit();
  EXPECT_TRUE(is_diverged(status));
  expect_contains(status.message(), "a test is against it");
  EXPECT_EQ(trainer->state().timestamp.batch, 2);
}

class ThrowsDiverged final : public Callback {
 public:
  void after_train_batch(State& state, Logger& logger) override {
    throw_if_error(diverged_error("seen by a callback"));
  }
};

TEST(BadStepTest, WhatACallbackEndsTheRunForIsSavedToo) {
  TrainerOptions options = options_of(good_batches(1));
  options.bad_step_dir = ::testing::TempDir() + "/by_callback";
  options.callbacks.push_back(std::make_unique<ThrowsDiverged>());
  const absl::Status status = create(std::move(options))->fit();
  EXPECT_TRUE(is_diverged(status));
  expect_contains(status.message(), "seen by a callback");
  expect_contains(status.message(), "composer replay");
  EXPECT_TRUE(read_saved_step(::testing::TempDir() + "/by_callback/ba0").ok());
}

TEST(SavedStepTest, AFolderThatIsNoneAndDamageAreNamed) {
  const std::string folder = ::testing::TempDir() + "/damaged";
  expect_contains(read_saved_step(folder).status().message(), "no folder");
  std::filesystem::create_directories(folder);
  expect_contains(read_saved_step(folder).status().message(), "step.json");
  ASSERT_TRUE(write_saved_step(folder, {.reason = "a test", .data = bad_batch()}).ok());
  EXPECT_TRUE(read_saved_step(folder).ok());
  std::filesystem::resize_file(folder + "/step.json", 20);
  EXPECT_EQ(read_saved_step(folder).status().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(write_saved_step(folder, {.reason = "a test", .data = bad_batch()}).ok());
  std::filesystem::remove(folder + "/state.safetensors");
  expect_contains(read_saved_step(folder).status().message(), "state.safetensors");
}

}  // namespace
}  // namespace composer
