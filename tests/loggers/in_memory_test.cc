#include "composer/loggers/in_memory.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace composer {
namespace {

TEST(InMemoryLoggerTest, KeepsEveryValueWithItsTime) {
  auto owned = std::make_unique<InMemoryLogger>();
  const InMemoryLogger& memory = *owned;
  std::vector<std::unique_ptr<LoggerDestination>> destinations;
  destinations.push_back(std::move(owned));
  Logger logger(std::move(destinations));

  Timestamp now;
  for (const double value : {3.0, 2.0, 1.0}) {
    const Timestamp after = now.next_batch(8);
    logger.begin_step(now, after);
    logger.log_metric("loss", value);
    now = after;
    logger.flush(now);
  }
  ASSERT_EQ(memory.history("loss").size(), 3);
  EXPECT_EQ(memory.history("loss")[1].value, 2.0);
  EXPECT_EQ(memory.history("loss")[1].timestamp.sample, 16);
  EXPECT_EQ(memory.latest("loss"), 1.0);
  EXPECT_EQ(memory.names(), std::vector<std::string>{"loss"});
}

TEST(InMemoryLoggerTest, AnUnknownNameHasNoHistory) {
  const InMemoryLogger memory;
  EXPECT_TRUE(memory.history("loss").empty());
  EXPECT_EQ(memory.latest("loss"), std::nullopt);
}

TEST(InMemoryLoggerTest, KeepsHyperparameters) {
  InMemoryLogger memory;
  memory.log_hyperparameters({{"lr", "0.1"}});
  memory.log_hyperparameters({{"lr", "0.2"}, {"seed", "17"}});
  EXPECT_EQ(memory.hyperparameters().at("lr"), "0.2");
  EXPECT_EQ(memory.hyperparameters().at("seed"), "17");
}

}  // namespace
}  // namespace composer
