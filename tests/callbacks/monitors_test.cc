#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/callbacks/lr_monitor.h"
#include "composer/callbacks/nan_monitor.h"
#include "composer/callbacks/speed_monitor.h"
#include "composer/core/engine.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/loggers/in_memory.h"

namespace composer {
namespace {

class TwoGroups : public Optimizer {
 public:
  TwoGroups() : groups_(2) {}
  std::vector<ParameterGroup>& groups() override { return groups_; }

 private:
  void update_parameters() override {}

  std::vector<ParameterGroup> groups_;
};

// A callback, and what it logs, in steps as the trainer makes them.
class Harness {
 public:
  explicit Harness(std::unique_ptr<Callback> callback) {
    state.callbacks.push_back(std::move(callback));
    auto memory = std::make_unique<InMemoryLogger>();
    log = memory.get();
    std::vector<std::unique_ptr<LoggerDestination>> destinations;
    destinations.push_back(std::move(memory));
    logger = std::make_unique<Logger>(std::move(destinations));
    engine = std::make_unique<Engine>(state, *logger);
  }

  void step(int64_t samples, absl::Duration taken, int64_t tokens = 0) {
    const Timestamp before = state.timestamp;
    logger->begin_step(before, before.next_batch(samples, tokens));
    engine->run(Event::kBatchStart);
    engine->run(Event::kAfterTrainBatch);
    state.timestamp = before.next_batch(samples, tokens, taken);
    if (before_batch_end) before_batch_end();
    engine->run(Event::kBatchEnd);
    logger->flush(state.timestamp);
  }

  State state;
  InMemoryLogger* log;
  std::unique_ptr<Logger> logger;
  std::unique_ptr<Engine> engine;
  // Where the trainer moves the schedulers on.
  std::function<void()> before_batch_end;
};

at::Tensor number(double value) { return at::full({}, value); }

TEST(LRMonitorTest, LogsTheRateOfEachGroupThatTheStepUsed) {
  Harness run(std::make_unique<LRMonitor>());
  run.state.optimizers.push_back(std::make_unique<TwoGroups>());
  run.state.optimizers.push_back(std::make_unique<TwoGroups>());
  const auto groups = [&](int optimizer) -> std::vector<ParameterGroup>& {
    return run.state.optimizers[optimizer]->groups();
  };
  groups(0)[0].lr = 0.5;
  groups(0)[1].lr = 0.25;
  groups(1)[0].lr = 0.125;
  run.before_batch_end = [&] { groups(0)[0].lr /= 2; };
  run.step(8, absl::Milliseconds(1));
  run.step(8, absl::Milliseconds(1));
  EXPECT_EQ(run.log->names(),
            (std::vector<std::string>{"lr/group0", "lr/group1", "lr/group2", "lr/group3"}));
  EXPECT_EQ(run.log->history("lr/group0")[0].value, 0.5);
  EXPECT_EQ(run.log->history("lr/group0")[0].timestamp.batch, 1);
  EXPECT_EQ(run.log->history("lr/group0")[1].value, 0.25);
  EXPECT_EQ(run.log->latest("lr/group1"), 0.25);
  EXPECT_EQ(run.log->latest("lr/group2"), 0.125);
}

TEST(SpeedMonitorTest, MeasuresOverItsWindow) {
  Harness run(std::make_unique<SpeedMonitor>(2));
  run.engine->run(Event::kFitStart);
  run.step(10, absl::Seconds(1));
  EXPECT_DOUBLE_EQ(*run.log->latest("throughput/batches_per_sec"), 1);
  EXPECT_DOUBLE_EQ(*run.log->latest("throughput/samples_per_sec"), 10);
  run.step(10, absl::Milliseconds(500));
  EXPECT_DOUBLE_EQ(*run.log->latest("throughput/samples_per_sec"), 20 / 1.5);
  run.step(30, absl::Milliseconds(500));
  EXPECT_DOUBLE_EQ(*run.log->latest("throughput/batches_per_sec"), 2);
  EXPECT_DOUBLE_EQ(*run.log->latest("throughput/samples_per_sec"), 40);
  EXPECT_EQ(run.log->latest("throughput/tokens_per_sec"), std::nullopt);
}

TEST(SpeedMonitorTest, CountsTokensWhereThereAreSome) {
  Harness run(std::make_unique<SpeedMonitor>(100));
  run.engine->run(Event::kFitStart);
  run.step(10, absl::Seconds(2), 640);
  EXPECT_DOUBLE_EQ(*run.log->latest("throughput/tokens_per_sec"), 320);
}

TEST(SpeedMonitorTest, ASecondFitStartsItsWindowAnew) {
  Harness run(std::make_unique<SpeedMonitor>(100));
  run.engine->run(Event::kFitStart);
  run.step(10, absl::Seconds(10));
  run.engine->run(Event::kFitStart);
  run.step(10, absl::Seconds(1));
  EXPECT_DOUBLE_EQ(*run.log->latest("throughput/samples_per_sec"), 10);
}

TEST(SpeedMonitorTest, RefusesAnEmptyWindow) {
  config::SpeedMonitor config;
  config.set_window_size(0);
  EXPECT_EQ(field_of(SpeedMonitor::create(config).status()), "window_size");
}

TEST(NaNMonitorTest, EndsTheRunAndNamesTheTerms) {
  Harness run(std::make_unique<NaNMonitor>(Time::batches(1)));
  run.state.loss = number(1);
  run.step(8, absl::Milliseconds(1));
  run.state.loss = {{"ce", number(std::numeric_limits<double>::quiet_NaN())}, {"l2", number(2)}};
  const absl::Status status = catch_exceptions([&] { run.step(8, absl::Milliseconds(1)); });
  EXPECT_TRUE(is_diverged(status));
  EXPECT_TRUE(absl::StartsWith(status.message(),
                               "NaNMonitor at after_train_batch, batch 1: the training loss is not "
                               "finite: ce nan, l2 2"))
      << status;
}

TEST(NaNMonitorTest, InfinityIsDivergenceToo) {
  Harness run(std::make_unique<NaNMonitor>(Time::batches(1)));
  run.state.loss = number(-std::numeric_limits<double>::infinity());
  EXPECT_TRUE(is_diverged(catch_exceptions([&] { run.step(8, absl::Milliseconds(1)); })));
}

TEST(NaNMonitorTest, LooksOnlyAtItsInterval) {
  Harness run(std::make_unique<NaNMonitor>(Time::batches(3)));
  run.state.loss = number(std::nan(""));
  run.step(8, absl::Milliseconds(1));
  run.step(8, absl::Milliseconds(1));
  EXPECT_TRUE(is_diverged(catch_exceptions([&] { run.step(8, absl::Milliseconds(1)); })));
}

TEST(NaNMonitorTest, AModelThatUpdatesItselfHasNoLossToLookAt) {
  Harness run(std::make_unique<NaNMonitor>(Time::batches(1)));
  run.state.loss = {};
  EXPECT_TRUE(catch_exceptions([&] { run.step(8, absl::Milliseconds(1)); }).ok());
}

TEST(NaNMonitorTest, TakesAnIntervalInBatchesOnly) {
  config::NaNMonitor config;
  config.set_interval("1ep");
  EXPECT_EQ(field_of(NaNMonitor::create(config).status()), "interval");
}

TEST(MonitorsTest, AreFoundByTheirConfigs) {
  for (const char* name : {"LRMonitor", "SpeedMonitor", "NaNMonitor"}) {
    EXPECT_TRUE(Registry<Callback>::global().find(name).ok()) << name;
  }
}

}  // namespace
}  // namespace composer
