// That a run goes on from a checkpoint with the same bits however it counts its time, cuts its
// epochs, evaluates and takes its steps. tests/conformance has the same of all that is registered.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "composer/callbacks/lr_monitor.h"
#include "composer/core/model.h"
#include "composer/core/precisions.h"
#include "composer/core/state.h"
#include "composer/data/loader.h"
#include "composer/data/sources/synthetic.h"
#include "composer/optim/schedules/cosine_annealing.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "proto/dataset.pb.h"
#include "tests/testing/resume.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::expect_exact_resume;
using testing::Stop;
using testing::TinyLoader;
using testing::TinyModel;

constexpr int64_t kBatchSize = 6;

std::shared_ptr<DataLoader> held_out(uint64_t seed = 9) {
  return std::make_shared<TinyLoader>(2 * kBatchSize, kBatchSize, seed);
}

// Two epochs of four batches.
TrainerOptions options() {
  seed_everything(5);
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(4 * kBatchSize, kBatchSize);
  options.evaluators = {{.data = held_out()}};
  options.max_duration = "2ep";
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.schedulers.push_back(std::make_unique<CosineAnnealingSchedule>(CosineAnnealingOptions()));
  options.callbacks.push_back(std::make_unique<LRMonitor>());
  return options;
}

// Of runs that end after six batches, where the last evaluation is the end's.
const std::vector<std::vector<Stop>> kShortRun = {
    {{Event::kBatchEnd, 1}},
    {{Event::kBatchEnd, 4}, {Event::kEpochEnd, 4}, {Event::kBatchEnd, 5}},
    {{Event::kBatchEnd, 6}},
    {{Event::kEvalBatchEnd, 6}},
};

class ExactResumeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_F(ExactResumeTest, WhereTheRunEndsInsideAnEpoch) {
  for (const char* duration : {"6ba", "33sp"}) {
    SCOPED_TRACE(duration);
    expect_exact_resume(
        [&] {
          TrainerOptions run = options();
          run.max_duration = duration;
          return run;
        },
        kShortRun);
  }
}

TEST_F(ExactResumeTest, WithScaledSchedules) {
  expect_exact_resume([] {
    TrainerOptions run = options();
    run.max_duration = "4ep";
    run.scale_schedule_ratio = 0.5;
    return run;
  });
}

TEST_F(ExactResumeTest, OfAStreamThatDoesNotKnowItsLength) {
  const auto stream = [](const char* duration) {
    TrainerOptions run = options();
    auto loader = std::make_shared<TinyLoader>(4 * kBatchSize - 2, kBatchSize);
    loader->stream = true;
    run.train = std::move(loader);
    run.schedulers.clear();
    run.max_duration = duration;
    return run;
  };
  expect_exact_resume([&] { return stream("2ep"); });
  expect_exact_resume([&] { return stream("6ba"); }, kShortRun);
}

TEST_F(ExactResumeTest, OfEpochsThatAreCutShort) {
  expect_exact_resume(
      [] {
        TrainerOptions run = options();
        run.train_subset_num_batches = 3;
        return run;
      },
      {{{Event::kBatchEnd, 3}},
       {{Event::kBatchEnd, 2}, {Event::kEpochEnd, 3}, {Event::kBatchEnd, 5}}});
}

TEST_F(ExactResumeTest, OfEpochsInIterations) {
  for (const char* length : {"1ep", "2ep"}) {
    SCOPED_TRACE(length);
    expect_exact_resume(
        [&] {
          TrainerOptions run = options();
          run.max_duration = "4ep";
          run.iteration_length = length;
          return run;
        },
        {{{Event::kBatchEnd, 8}, {Event::kIterationEnd, 8}},
         {{Event::kEpochEnd, 4}, {Event::kEpochEnd, 8}, {Event::kIterationCheckpoint, 16}},
         {{Event::kEvalBatchEnd, 8}, {Event::kIterationStart, 8}, {Event::kBatchEnd, 9}}});
  }
}

TEST_F(ExactResumeTest, WithEvaluatorsAtAnyTime) {
  auto stops = testing::usual_stops();
  for (const int64_t batch : {1, 3, 6}) stops.push_back({{Event::kEvalBatchEnd, batch}});
  stops.push_back({{Event::kEvalEnd, 4}, {Event::kEvalAfterAll, 4}, {Event::kEvalStart, 6}});
  expect_exact_resume(
      [] {
        TrainerOptions run = options();
        run.evaluators.clear();
        for (const char* interval : {"1ba", "3ba", "13sp", "0.25dur", "1ep", "2ep", "0ep"}) {
          run.evaluators.push_back(
              {.label = interval, .data = held_out(run.evaluators.size()), .interval = interval});
        }
        // Trained on and evaluated on.
        run.evaluators.front().data = run.train;
        run.evaluators.front().subset_num_batches = 2;
        return run;
      },
      stops);
}

// Calls every third step bad.
class Accuser final : public Callback {
 public:
  void after_train_batch(State& state, Logger&) override {
    state.step_checks.push_back(
        {.reason = "the test", .failed = at::full({}, state.timestamp.batch % 3 == 2 ? 1. : 0.)});
  }
};

TEST_F(ExactResumeTest, WithStepsThatDoNotCount) {
  for (const bool as_device : {false, true}) {
    expect_exact_resume([&] {
      TrainerOptions run = options();
      run.on_bad_step = OnBadStep::kSkip;
      run.treat_cpu_as_device = as_device;
      // LRMonitor would show the rate from before the verdict on the step before, or, where a save
      // has waited for the verdict, the one that the step uses.
      if (as_device) run.callbacks.clear();
      run.callbacks.push_back(std::make_unique<Accuser>());
      return run;
    });
  }
}

// Stops training for good.
class Quitter final : public Callback {
 public:
  void batch_end(State& state, Logger&) override {
    if (state.timestamp.batch == 6) state.stop_training("enough");
  }
};

TEST_F(ExactResumeTest, OfARunThatACallbackEnds) {
  expect_exact_resume(
      [] {
        TrainerOptions run = options();
        run.callbacks.push_back(std::make_unique<Quitter>());
        return run;
      },
      kShortRun);
}

TEST_F(ExactResumeTest, InHalfPrecision) {
  for (const Precision precision : {Precision::kAmpBf16, Precision::kAmpFp16, Precision::kBf16}) {
    SCOPED_TRACE(precision_name(precision));
    expect_exact_resume([&] {
      TrainerOptions run = options();
      run.precision = precision;
      run.allow_slow_precision = true;
      return run;
    });
  }
}

TEST_F(ExactResumeTest, WithMicrobatchesThatAreFound) {
  expect_exact_resume([] {
    TrainerOptions run = options();
    run.device_train_microbatch_size = kAutoMicrobatchSize;
    return run;
  });
}

// A weight for each token.
class TokenModel final : public ComposerModel {
 public:
  TokenModel() { weight_ = register_parameter("weight", at::randn({20})); }
  Outputs forward(const Batch& batch) override {
    return {{"logits", at::dropout(weight_.index({batch.at("input_ids")}), 0.2, is_training())}};
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    return (outputs.at("logits") - batch.at("labels")).square().mean();
  }

 private:
  at::Tensor weight_;
};

TEST_F(ExactResumeTest, OfARunThatCountsTokens) {
  expect_exact_resume(
      [] {
        TrainerOptions run = options();
        config::Synthetic config;
        config.set_num_samples(4 * kBatchSize);
        config.add_shape(5);
        config.set_vocabulary_size(20);
        run.train = MapDataLoader::create(Synthetic::create(config).value(),
                                          {.batch_size = kBatchSize, .shuffle = true, .workers = 2})
                        .value();
        run.model = std::make_shared<TokenModel>();
        run.evaluators.clear();
        // Six batches of thirty.
        run.max_duration = "170tok";
        return run;
      },
      {{{Event::kBatchEnd, 1}},
       {{Event::kBatchEnd, 4}, {Event::kEpochEnd, 4}, {Event::kBatchEnd, 5}},
       {{Event::kBatchEnd, 6}}});
}

}  // namespace
}  // namespace composer
