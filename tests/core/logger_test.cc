#include "composer/core/logger.h"

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

namespace composer {
namespace {

// Wants the steps that end at a multiple of `interval`.
class Every final : public LoggerDestination {
 public:
  Every(int64_t interval, std::vector<MetricValues>* lines) : interval_(interval), lines_(lines) {}
  bool due(const Timestamp& before, const Timestamp& after) override {
    return after.batch % interval_ == 0;
  }
  void log_metrics(const MetricValues& metrics, const Timestamp& now) override {
    lines_->push_back(metrics);
  }

 private:
  const int64_t interval_;
  std::vector<MetricValues>* lines_;
};

struct Fixture {
  Fixture() {
    std::vector<std::unique_ptr<LoggerDestination>> destinations;
    destinations.push_back(std::make_unique<Every>(2, &second));
    destinations.push_back(std::make_unique<Every>(4, &fourth));
    logger = std::make_unique<Logger>(std::move(destinations));
  }
  // A step that logs its number, and before it what a fetch may log.
  void step() {
    logger->log_metric("fetched", 1.0);
    const Timestamp after = now.next_batch(8);
    logger->begin_step(now, after);
    logger->log_metric("batch", static_cast<double>(after.batch));
    logger->flush(after);
    now = after;
  }
  std::vector<MetricValues> second, fourth;
  std::unique_ptr<Logger> logger;
  Timestamp now;
};

TEST(Logger, GivesEachDestinationTheStepsThatItWants) {
  Fixture f;
  for (int i = 0; i < 4; ++i) f.step();
  EXPECT_EQ(f.second, (std::vector<MetricValues>{{{"fetched", 1}, {"batch", 2}},
                                                 {{"fetched", 1}, {"batch", 4}}}));
  EXPECT_EQ(f.fourth, (std::vector<MetricValues>{{{"fetched", 1}, {"batch", 4}}}));
}

TEST(Logger, DropsWhatNobodyWantsWithoutReadingIt) {
  Fixture f;
  f.logger->begin_step(f.now, f.now.next_batch(8));
  EXPECT_FALSE(f.logger->due());
  // Reading an element of a tensor of two would throw.
  f.logger->log_metric("norm", at::full({2}, 1.0));
  EXPECT_NO_THROW(f.logger->flush(f.now.next_batch(8)));
  EXPECT_TRUE(f.second.empty());
}

TEST(Logger, GivesEverythingOutsideAStep) {
  Fixture f;
  f.step();
  f.logger->log_metric("metrics/eval/accuracy", at::full({}, 0.5));
  f.logger->flush(f.now);
  EXPECT_EQ(f.second, (std::vector<MetricValues>{{{"metrics/eval/accuracy", 0.5}}}));
  EXPECT_EQ(f.fourth, f.second);
}

TEST(Logger, KeepsTheLastValueOfANameInAStep) {
  Fixture f;
  f.logger->log_metric("lr", 0.1);
  f.logger->log_metric("lr", 0.2);
  f.logger->flush(f.now);
  EXPECT_EQ(f.second, (std::vector<MetricValues>{{{"lr", 0.2}}}));
}

}  // namespace
}  // namespace composer
