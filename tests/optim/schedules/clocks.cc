#include "tests/optim/schedules/clocks.h"

#include <gtest/gtest.h>

#include "composer/optim/from_config.h"
#include "google/protobuf/text_format.h"
#include "proto/scheduler.pb.h"

namespace composer::testing {

ScheduleClock clock_at(int64_t batch, const std::string& max_duration,
                       std::optional<int64_t> batches_per_epoch) {
  ScheduleClock clock;
  clock.max_duration = *Time::parse(max_duration);
  clock.batches_per_epoch = batches_per_epoch;
  clock.now.batch = batch;
  clock.now.sample = kSamples * batch;
  clock.now.token = kTokens * batch;
  clock.now.epoch = batch / batches_per_epoch.value_or(10);
  clock.now.batch_in_epoch = batch % batches_per_epoch.value_or(10);
  return clock;
}

absl::StatusOr<std::unique_ptr<Scheduler>> build(const std::string& config) {
  config::Scheduler message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(config, &message)) << config;
  return build_scheduler(message);
}

std::unique_ptr<Scheduler> schedule(const std::string& config) {
  auto scheduler = build(config);
  EXPECT_TRUE(scheduler.ok()) << config << ": " << scheduler.status();
  return *std::move(scheduler);
}

}  // namespace composer::testing
