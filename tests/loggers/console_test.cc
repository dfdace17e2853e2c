#include "composer/loggers/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "composer/core/state.h"

namespace composer {
namespace {

// A loader of which only the batch size is asked.
class EmptyLoader : public DataLoader {
 public:
  int64_t batch_size() const override { return 8; }
  std::optional<int64_t> batches_per_epoch() const override { return 4; }
  void seek(int64_t epoch, int64_t batch) override {}
  std::optional<Batch> next() override { return std::nullopt; }
};

// Drives a console as the trainer does, one step or pass at a time.
class FakeRun {
 public:
  explicit FakeRun(ConsoleLogger::Options options) : console_(options) {
    state.max_duration = Time::epochs(2);
    state.dataloader = &loader_;
    state.dataloader_label = "train";
    state.dataloader_length = 4;
  }

  void step(const MetricValues& metrics) {
    const Timestamp before = state.timestamp;
    const Timestamp after = before.next_batch(8, 0, absl::Milliseconds(10));
    const bool due = console_.due(before, after);
    state.timestamp = after;
    console_.batch_end(state, logger_);
    if (due && !metrics.empty()) console_.log_metrics(metrics, after);
  }

  void epoch() {
    console_.epoch_start(state, logger_);
    for (int i = 1; i <= 4; ++i) {
      step(
          {{"metrics/train/accuracy", 0.25 * i}, {"lr/group0", 0.1}, {"loss/train/total", 1. / i}});
    }
    state.timestamp = state.timestamp.next_epoch();
    console_.epoch_end(state, logger_);
  }

  void evaluation() {
    const auto length = state.dataloader_length;
    state.dataloader_label = "eval";
    state.dataloader_length = 2;
    state.eval_timestamp = {};
    console_.eval_start(state, logger_);
    for (int i = 0; i < 2; ++i) {
      state.eval_timestamp = state.eval_timestamp.next_batch(8);
      console_.eval_batch_end(state, logger_);
    }
    state.eval_metrics["eval"] = {{"accuracy", 0.5}};
    console_.eval_end(state, logger_);
    console_.log_metrics({{"metrics/eval/accuracy", 0.5}}, state.timestamp);
    state.dataloader_label = "train";
    state.dataloader_length = length;
  }

  ConsoleLogger& console() { return console_; }
  Logger& logger() { return logger_; }
  State state;

 private:
  EmptyLoader loader_;
  Logger logger_;
  ConsoleLogger console_;
};

// What is written to `write_end` by the time it is closed.
std::string drain(int read_end) {
  std::string text;
  char buffer[4096];
  ::fcntl(read_end, F_SETFL, O_NONBLOCK);
  for (ssize_t size; (size = ::read(read_end, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, size);
  }
  return text;
}

// Without the rate of samples and the time, which depend on the machine.
std::string without_speed(std::string line) {
  const size_t speed = line.find(" samples/s");
  if (speed == std::string::npos) return line;
  return line.substr(0, line.rfind("  ", speed));
}

class PlainConsoleTest : public ::testing::Test {
 protected:
  PlainConsoleTest() { EXPECT_EQ(::pipe(ends_), 0); }
  ~PlainConsoleTest() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  std::vector<std::string> lines() {
    std::vector<std::string> result;
    for (const auto line : absl::StrSplit(drain(ends_[0]), '\n')) {
      result.push_back(without_speed(std::string(line)));
    }
    return result;
  }
  int ends_[2];
};

TEST_F(PlainConsoleTest, PrintsLinesAtTheIntervalAndAfterEachEpochAndEvaluation) {
  FakeRun run({.log_interval = Time::batches(2), .file = ends_[1]});
  run.console().fit_start(run.state, run.logger());
  run.epoch();
  run.evaluation();
  const std::vector<std::string> output = lines();
  ASSERT_EQ(output.size(), 4);
  EXPECT_EQ(output[0], "epoch 1/2  batch 2/4  loss 0.5000  accuracy 0.5000");
  EXPECT_EQ(output[1], "epoch 1/2  4 batches in 0.0 s  loss 0.2500  accuracy 1.0000");
  EXPECT_TRUE(absl::StartsWith(output[2],
                               "eval at epoch 1, batch 4  2 batches in 0.0 s  "
                               "accuracy 0.5000"))
      << output[2];
  EXPECT_EQ(output[3], "");
}

TEST_F(PlainConsoleTest, ShowsAStepThatLoggedNothing) {
  FakeRun run({.log_interval = Time::batches(1), .file = ends_[1]});
  run.console().epoch_start(run.state, run.logger());
  run.step({});
  run.step({});
  run.console().fit_end(run.state, run.logger());
  const std::vector<std::string> output = lines();
  ASSERT_EQ(output.size(), 3);
  EXPECT_EQ(output[0], "epoch 1/2  batch 1/4");
  EXPECT_EQ(output[1], "epoch 1/2  2 batches in 0.0 s");
}

TEST_F(PlainConsoleTest, AnEpochThatTheRunCutsShortHasFewerBatches) {
  FakeRun run({.log_interval = Time::batches(1), .file = ends_[1]});
  run.state.max_duration = Time::batches(2);
  run.console().epoch_start(run.state, run.logger());
  run.step({{"loss/train/total", 1}});
  run.state.max_duration = Time::samples(20);
  run.state.timestamp = {};
  run.console().epoch_start(run.state, run.logger());
  run.step({{"loss/train/total", 1}});
  const std::vector<std::string> output = lines();
  EXPECT_TRUE(absl::StartsWith(output[0], "epoch 1  batch 1/2")) << output[0];
  EXPECT_TRUE(absl::StartsWith(output[1], "epoch 1  batch 1/3")) << output[1];
}

TEST_F(PlainConsoleTest, EndsAnUnfinishedEpochOnceWhenClosed) {
  FakeRun run({.log_interval = Time::batches(100), .file = ends_[1]});
  run.console().epoch_start(run.state, run.logger());
  run.step({{"loss/train/total", 1}});
  run.console().close(run.state, run.logger());
  run.console().close(run.state, run.logger());
  EXPECT_EQ(lines().size(), 2);
}

class TerminalConsoleTest : public ::testing::Test {
 protected:
  TerminalConsoleTest() { resize(100); }
  ~TerminalConsoleTest() override {
    ::close(master_);
    ::close(terminal_);
  }
  void resize(unsigned short columns) {
    const winsize size = {.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    if (master_ < 0) {
      EXPECT_EQ(::openpty(&master_, &terminal_, nullptr, nullptr, &size), 0);
    } else {
      EXPECT_EQ(::ioctl(terminal_, TIOCSWINSZ, &size), 0);
    }
  }
  std::string output() { return drain(master_); }

  int master_ = -1;
  int terminal_ = -1;
};

TEST_F(TerminalConsoleTest, RedrawsInPlaceAndLeavesOneLineAnEpoch) {
  FakeRun run({.refresh = std::chrono::seconds(0), .terminal = true, .file = terminal_});
  run.console().fit_start(run.state, run.logger());
  run.epoch();
  const std::string text = output();
  // Steps 1 to 3 are drawn over one another, the whole epoch over the last of them.
  const std::vector<std::string> drawn = absl::StrSplit(text, "\r\033[J");
  ASSERT_EQ(drawn.size(), 4) << text;
  EXPECT_TRUE(absl::StartsWith(drawn[0], "epoch 1/2   25%  [")) << drawn[0];
  EXPECT_TRUE(absl::StrContains(drawn[1], "loss 0.5000")) << drawn[1];
  EXPECT_TRUE(absl::StartsWith(drawn[3], "epoch 1/2  100%  [=")) << drawn[3];
  EXPECT_TRUE(absl::EndsWith(drawn[3], "in 0.0 s\r\n")) << drawn[3];
}

TEST_F(TerminalConsoleTest, RedrawsNoMoreOftenThanItIsTold) {
  FakeRun run({.refresh = std::chrono::hours(1), .terminal = true, .file = terminal_});
  run.epoch();
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(output(), "\r\033[J")).size(), 2);
}

TEST_F(TerminalConsoleTest, DrawsAnEvaluationUnderTheEpochAndKeepsItsResult) {
  FakeRun run({.refresh = std::chrono::seconds(0), .terminal = true, .file = terminal_});
  run.epoch();
  output();
  run.evaluation();
  const std::vector<std::string> drawn = absl::StrSplit(output(), "\r\033[J");
  ASSERT_EQ(drawn.size(), 3);
  EXPECT_TRUE(absl::StartsWith(drawn[0], "eval        50%  [")) << drawn[0];
  EXPECT_TRUE(absl::StrContains(drawn[2], "accuracy 0.5000")) << drawn[2];
  EXPECT_TRUE(absl::EndsWith(drawn[2], "\r\n"));
}

TEST_F(TerminalConsoleTest, FollowsTheWindowAndClearsWhatANarrowerOneBroke) {
  FakeRun run({.refresh = std::chrono::seconds(0), .terminal = true, .file = terminal_});
  run.console().epoch_start(run.state, run.logger());
  run.step({{"loss/train/total", 1}});
  output();
  resize(40);
  run.step({{"loss/train/total", 1}});
  const std::string text = output();
  // The 99 columns that were drawn now take three rows.
  ASSERT_TRUE(absl::StartsWith(text, "\r\033[2A\033[J")) << text;
  EXPECT_LT(text.size() - std::string("\r\033[2A\033[J").size(), 40);
}

}  // namespace
}  // namespace composer
