#include "composer/core/engine.h"

#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"

namespace composer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Order = AlgorithmTraits::Order;
using Calls = std::vector<std::string>;

const std::vector<Event> kSomeEvents = {Event::kInit, Event::kAfterDataloader, Event::kBeforeLoss,
                                        Event::kAfterLoss, Event::kEvalAfterForward};

class Recorder : public Algorithm {
 public:
  Recorder(std::string name, Calls* calls, Order order = Order::kAny)
      : name_(std::move(name)), calls_(calls), order_(order) {}
  AlgorithmTraits traits() const override { return {.events = kSomeEvents, .order = order_}; }
  bool match(Event, const State&) const override { return matches; }
  void apply(Event event, State&, Logger&) override {
    calls_->push_back(name_);
    if (failure) failure();
  }
  std::string name() const override { return name_; }

  bool matches = true;
  std::function<void()> failure;

 private:
  std::string name_;
  Calls* calls_;
  Order order_;
};

class Watcher : public Callback {
 public:
  Watcher(std::string name, Calls* calls) : name_(std::move(name)), calls_(calls) {}
  void run_event(Event, State&, Logger&) override {
    calls_->push_back(name_);
    if (failure) failure();
  }
  void close(State&, Logger&) override {
    calls_->push_back(absl::StrCat("close ", name_));
    if (failure) failure();
  }
  std::string name() const override { return name_; }

  std::function<void()> failure;

 private:
  std::string name_;
  Calls* calls_;
};

class Destination : public LoggerDestination {
 public:
  explicit Destination(Calls* calls) : calls_(calls) {}
  void log_metrics(const MetricValues&, const Timestamp&) override {}
  void run_event(Event, State&, Logger&) override { calls_->push_back("logger"); }
  void close(State&, Logger&) override { calls_->push_back("close logger"); }

 private:
  Calls* calls_;
};

std::vector<std::unique_ptr<LoggerDestination>> one_destination(Calls* calls) {
  std::vector<std::unique_ptr<LoggerDestination>> destinations;
  destinations.push_back(std::make_unique<Destination>(calls));
  return destinations;
}

class EngineTest : public ::testing::Test {
 protected:
  Recorder& add(const char* name, Order order = Order::kAny) {
    auto algorithm = std::make_unique<Recorder>(name, &calls_, order);
    Recorder& recorder = *algorithm;
    state_.algorithms.push_back(std::move(algorithm));
    return recorder;
  }
  Watcher& watch(const char* name) {
    auto callback = std::make_unique<Watcher>(name, &calls_);
    Watcher& watcher = *callback;
    state_.callbacks.push_back(std::move(callback));
    return watcher;
  }
  Calls run(Engine& engine, Event event) {
    calls_.clear();
    engine.run(event);
    return calls_;
  }

  State state_;
  Logger logger_;
  Calls calls_;
};

TEST_F(EngineTest, RunsAlgorithmsInListOrderAndAfterEventsInReverse) {
  add("a"), add("b"), add("c");
  Engine engine(state_, logger_);
  EXPECT_THAT(run(engine, Event::kBeforeLoss), ElementsAre("a", "b", "c"));
  EXPECT_THAT(run(engine, Event::kAfterLoss), ElementsAre("c", "b", "a"));
}

TEST_F(EngineTest, DeclaredOrderHoldsAtEveryEventAndKeepsTheRest) {
  add("a"), add("last", Order::kLast), add("b"), add("first", Order::kFirst), add("c");
  Engine engine(state_, logger_);
  EXPECT_THAT(run(engine, Event::kInit), ElementsAre("first", "a", "b", "c", "last"));
  EXPECT_THAT(run(engine, Event::kAfterDataloader), ElementsAre("first", "c", "b", "a", "last"));
}

TEST_F(EngineTest, AppliesOnlyWhatMatchesAndOnlyAtDeclaredEvents) {
  add("a").matches = false;
  add("b");
  Engine engine(state_, logger_);
  EXPECT_THAT(run(engine, Event::kBeforeLoss), ElementsAre("b"));
  EXPECT_THAT(run(engine, Event::kBeforeBackward), IsEmpty());
}

TEST_F(EngineTest, AsksAllBeforeAnyActs) {
  Recorder& a = add("a");
  Recorder& b = add("b");
  a.failure = [&] { b.matches = false; };
  Engine engine(state_, logger_);
  EXPECT_THAT(run(engine, Event::kBeforeLoss), ElementsAre("a", "b"));
  EXPECT_THAT(run(engine, Event::kBeforeLoss), ElementsAre("a"));
}

TEST_F(EngineTest, ExtraPassesRunAfterTheDefaultOnes) {
  add("a"), add("b"), add("first", Order::kFirst);
  Engine engine(state_, logger_, {[](std::vector<Algorithm*>& algorithms, Event event) {
                  if (event == Event::kBeforeLoss) algorithms.pop_back();
                  std::reverse(algorithms.begin(), algorithms.end());
                }});
  EXPECT_THAT(run(engine, Event::kBeforeLoss), ElementsAre("a", "first"));
  EXPECT_THAT(run(engine, Event::kAfterLoss), ElementsAre("a", "b", "first"));
}

TEST_F(EngineTest, LeavesATraceOfWhatRan) {
  const Recorder& a = add("a");
  Recorder& b = add("b");
  add("c").matches = false;
  Engine engine(state_, logger_);
  engine.run(Event::kAfterLoss);
  const std::vector<Engine::Trace>& traces = engine.last_traces();
  ASSERT_EQ(traces.size(), 2u);
  EXPECT_EQ(traces[0].algorithm, &b);
  EXPECT_EQ(traces[0].order, 0);
  EXPECT_EQ(traces[1].algorithm, &a);
  EXPECT_EQ(traces[1].order, 1);
  EXPECT_EQ(traces[1].event, Event::kAfterLoss);
}

TEST_F(EngineTest, CountsAndTimesEachAlgorithmAndEvent) {
  Recorder& a = add("a");
  a.failure = [] { absl::SleepFor(absl::Milliseconds(2)); };
  Engine engine(state_, logger_);
  for (int i = 0; i < 3; ++i) engine.run(Event::kBeforeLoss);
  engine.run(Event::kAfterLoss);
  EXPECT_EQ(engine.timings().at({&a, Event::kBeforeLoss}).runs, 3);
  EXPECT_GE(engine.timings().at({&a, Event::kBeforeLoss}).total, absl::Milliseconds(6));
  EXPECT_EQ(engine.timings().at({&a, Event::kAfterLoss}).runs, 1);
}

TEST_F(EngineTest, CallbacksAndLoggersFollowAlgorithmsExceptAtInit) {
  Logger logger(one_destination(&calls_));
  add("algorithm");
  watch("one"), watch("other");
  Engine engine(state_, logger);
  EXPECT_THAT(run(engine, Event::kInit), ElementsAre("logger", "one", "other", "algorithm"));
  EXPECT_THAT(run(engine, Event::kAfterLoss), ElementsAre("algorithm", "one", "other", "logger"));
}

TEST_F(EngineTest, AFailureNamesTheAlgorithmTheEventAndTheBatch) {
  add("MixUp").failure = [] { TORCH_CHECK_VALUE(false, "the input has no samples"); };
  state_.timestamp.batch = 41;
  Engine engine(state_, logger_);
  const absl::Status status = catch_exceptions([&] { engine.run(Event::kBeforeLoss); });
  EXPECT_EQ(status.message(), "MixUp at before_loss, batch 41: the input has no samples");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(EngineTest, AFailureNamesTheCallback) {
  watch("NaNMonitor").failure = [] { throw std::runtime_error("the loss is nan"); };
  Engine engine(state_, logger_);
  const absl::Status status = catch_exceptions([&] { engine.run(Event::kBatchEnd); });
  EXPECT_EQ(status.message(), "NaNMonitor at batch_end, batch 0: the loss is nan");
  state_.callbacks.clear();
}

TEST_F(EngineTest, RefusesEventsOnceClosed) {
  Engine engine(state_, logger_);
  engine.close();
  const absl::Status status = catch_exceptions([&] { engine.run(Event::kFitStart); });
  EXPECT_THAT(status.message(), HasSubstr("is closed and takes no more events (fit_start)"));
}

TEST_F(EngineTest, ClosesEverythingExactlyOnce) {
  Logger logger(one_destination(&calls_));
  watch("one"), watch("other");
  {
    Engine engine(state_, logger);
    engine.close();
    engine.close();
  }
  EXPECT_THAT(calls_, ElementsAre("close one", "close other", "close logger"));
}

TEST_F(EngineTest, ClosesTheOthersWhenOneFailsToOrTheRunHas) {
  watch("one").failure = [] { throw std::runtime_error("broken"); };
  watch("other");
  {
    Engine engine(state_, logger_);
    EXPECT_THROW(engine.run(Event::kFitStart), StatusError);
    calls_.clear();
  }
  EXPECT_THAT(calls_, ElementsAre("close one", "close other"));
}

TEST_F(EngineTest, SeesAlgorithmsThatAreAddedOnTheWay) {
  add("a");
  Engine engine(state_, logger_);
  EXPECT_THAT(run(engine, Event::kBeforeLoss), ElementsAre("a"));
  add("b");
  EXPECT_THAT(run(engine, Event::kBeforeLoss), ElementsAre("a", "b"));
}

TEST(Events, HaveAMethodOfCallbackEachInTheirOrder) {
  class Names : public Callback {
   public:
    explicit Names(Calls* calls) : calls_(calls) {}
#define RECORD(enumerator, name) \
  void name(State&, Logger&) override { calls_->push_back(#name); }
    COMPOSER_EVENTS(RECORD)
#undef RECORD
   private:
    Calls* calls_;
  };
  Calls calls;
  Names callback(&calls);
  State state;
  Logger logger;
  Calls expected;
  for (const Event event : kAllEvents) {
    static_cast<Callback&>(callback).run_event(event, state, logger);
    expected.emplace_back(event_name(event));
  }
  EXPECT_EQ(calls, expected);
  EXPECT_EQ(calls.size(), 40u);
}

}  // namespace
}  // namespace composer
