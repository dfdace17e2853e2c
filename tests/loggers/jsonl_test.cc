#include "composer/loggers/jsonl.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "composer/base/exceptions.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/core/state.h"

namespace composer {
namespace {

std::string fresh_folder() {
  std::string name = absl::StrCat(::testing::TempDir(), "/jsonl_XXXXXX");
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  return name;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  EXPECT_EQ(lines.back(), "") << "the last line has no end";
  lines.pop_back();
  return lines;
}

Timestamp at_batch(int64_t batch, int64_t epoch = 0) {
  Timestamp now;
  now.batch = batch;
  now.batch_in_epoch = batch;
  now.epoch = epoch;
  now.sample = 128 * batch;
  return now;
}

TEST(JsonTextTest, EscapesStrings) {
  std::string out;
  append_json_string(out, "a\"b\\c\nd\te\x01 é");
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\nd\\te\\u0001 é\"");
}

TEST(JsonTextTest, NumbersReadBackToTheSameBits) {
  for (const double value : {0.1, 1.0 / 3.0, 1e300, 5e-324, -0.0, 123456789012.0}) {
    std::string out;
    append_json_number(out, value);
    EXPECT_EQ(strtod(out.c_str(), nullptr), value) << out;
  }
}

TEST(JsonTextTest, WhatJsonCannotSayIsNull) {
  std::string out;
  append_json_number(out, std::numeric_limits<double>::quiet_NaN());
  append_json_number(out, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(out, "nullnull");
}

TEST(JsonlLoggerTest, WritesOneFlatObjectALine) {
  const RunContext run{.run_dir = fresh_folder()};
  config::Jsonl config;
  const auto logger = JsonlLogger::create(config, run);
  ASSERT_TRUE(logger.ok()) << logger.status();
  const double start = absl::ToUnixMillis(absl::Now()) * 1e-3 - 0.002;
  (*logger)->log_metrics({{"loss/train/total", 0.5}, {"metrics/train/accuracy", 0.75}},
                         at_batch(10));
  (*logger)->log_metrics({{"metrics/eval/accuracy", std::numeric_limits<double>::quiet_NaN()}},
                         at_batch(20, 1));

  // Flushed line by line: read while the logger is open.
  const std::vector<std::string> lines = lines_of(run.run_dir + "/metrics.jsonl");
  ASSERT_EQ(lines.size(), 2);
  const size_t end_of_time = lines[0].find(',');
  EXPECT_EQ(lines[0].substr(end_of_time),
            ",\"epoch\":0,\"batch\":10,\"sample\":1280,\"loss/train/total\":0.5,"
            "\"metrics/train/accuracy\":0.75}");
  const YAML::Node object = YAML::Load(lines[1]);
  EXPECT_EQ(object["epoch"].as<int>(), 1);
  EXPECT_TRUE(object["metrics/eval/accuracy"].IsNull());
  EXPECT_GE(YAML::Load(lines[0])["time"].as<double>(), start);
  EXPECT_LT(YAML::Load(lines[0])["time"].as<double>(), start + 60);
}

TEST(JsonlLoggerTest, AppendsToWhatIsThere) {
  const std::string path = fresh_folder() + "/metrics.jsonl";
  for (int i = 0; i < 2; ++i) {
    const auto logger = JsonlLogger::open(path, Time::batches(1));
    ASSERT_TRUE(logger.ok()) << logger.status();
    (*logger)->log_metrics({{"a", 1.0 * i}}, at_batch(i));
  }
  EXPECT_EQ(lines_of(path).size(), 2);
}

TEST(JsonlLoggerTest, IsDueAtMultiplesOfItsInterval) {
  const auto logger = JsonlLogger::open(fresh_folder() + "/m", Time::batches(10));
  ASSERT_TRUE(logger.ok());
  std::vector<int64_t> due;
  for (int64_t batch = 0; batch < 25; ++batch) {
    if ((*logger)->due(at_batch(batch), at_batch(batch + 1))) due.push_back(batch + 1);
  }
  EXPECT_EQ(due, (std::vector<int64_t>{10, 20}));
}

TEST(JsonlLoggerTest, AnIntervalInEpochsMeansTheLastStepOfAnEpoch) {
  const auto logger = JsonlLogger::open(fresh_folder() + "/m", Time::epochs(2));
  ASSERT_TRUE(logger.ok());
  State state;
  state.dataloader_length = 3;
  Logger unused;
  (*logger)->epoch_start(state, unused);
  std::vector<int64_t> due;
  Timestamp now;
  for (int epoch = 0; epoch < 4; ++epoch) {
    for (int batch = 0; batch < 3; ++batch) {
      const Timestamp after = now.next_batch(8);
      if ((*logger)->due(now, after)) due.push_back(after.batch);
      now = after;
    }
    now = now.next_epoch();
  }
  EXPECT_EQ(due, (std::vector<int64_t>{6, 12}));
}

TEST(JsonlLoggerTest, AnIntervalInEpochsHoldsInARunThatIsResumedInsideAnEpoch) {
  const auto logger = JsonlLogger::open(fresh_folder() + "/m", Time::epochs(1));
  ASSERT_TRUE(logger.ok());
  State state;
  state.dataloader_length = 3;
  Logger unused;
  (*logger)->fit_start(state, unused);
  const Timestamp before = Timestamp().next_batch(8).next_batch(8);
  EXPECT_TRUE((*logger)->due(before, before.next_batch(8)));
}

TEST(JsonlLoggerTest, LoadingCutsWhatWasLoggedAfterTheSave) {
  const std::string path = fresh_folder() + "/m";
  StateDict saved;
  {
    const auto logger = JsonlLogger::open(path, Time::batches(1));
    ASSERT_TRUE(logger.ok());
    (*logger)->log_metrics({{"a", 1}}, at_batch(1));
    saved = (*logger)->state_dict();
    (*logger)->log_metrics({{"a", 2}}, at_batch(2));
  }
  const std::string first = lines_of(path).at(0);
  EXPECT_EQ(*saved.integer("offset"), first.size() + 1);
  const auto logger = JsonlLogger::open(path, Time::batches(1));
  ASSERT_TRUE((*logger)->load_state_dict(saved).ok());
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{first}));
  (*logger)->log_metrics({{"a", 3}}, at_batch(2));
  const std::vector<std::string> lines = lines_of(path);
  ASSERT_EQ(lines.size(), 2);
  EXPECT_TRUE(absl::StrContains(lines[1], "\"a\":3")) << lines[1];

  ASSERT_TRUE((*logger)->load_state_dict({}).ok()) << "the beginning of a run";
  EXPECT_TRUE(lines_of(path).empty());
}

// As after a power cut.
TEST(JsonlLoggerTest, AFileThatIsTooShortGoesOnAfterItsLastWholeLine) {
  const std::string path = fresh_folder() + "/m";
  const auto logger = JsonlLogger::open(path, Time::batches(1));
  ASSERT_TRUE(logger.ok());
  (*logger)->log_metrics({{"a", 1}}, at_batch(1));
  const std::string first = lines_of(path).at(0);
  (*logger)->log_metrics({{"a", 2}}, at_batch(2));
  const StateDict saved = (*logger)->state_dict();
  std::filesystem::resize_file(path, first.size() + 9);

  ::testing::internal::CaptureStderr();
  ASSERT_TRUE((*logger)->load_state_dict(saved).ok());
  const std::string warning = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{first}));
  const int64_t missing = *saved.integer("offset") - static_cast<int64_t>(first.size()) - 9;
  EXPECT_TRUE(absl::StrContains(warning, absl::StrCat(missing, " bytes of lines"))) << warning;
}

TEST(JsonlLoggerTest, NamesTheFieldAndTheFileThatCannotBeOpened) {
  config::Jsonl config;
  const absl::Status status =
      JsonlLogger::create(config, {.run_dir = "/nonexistent/folder"}).status();
  EXPECT_EQ(field_of(status), "filename");
  EXPECT_TRUE(absl::StrContains(status.message(), "/nonexistent/folder/metrics.jsonl")) << status;
}

TEST(JsonlLoggerTest, AFullDiskEndsTheRunWithFileAndReason) {
  const auto logger = JsonlLogger::open("/dev/full", Time::batches(1));
  ASSERT_TRUE(logger.ok()) << logger.status();
  const absl::Status status = catch_exceptions([&] {
    (*logger)->log_metrics({{"a", 1}}, at_batch(1));
  });
  EXPECT_TRUE(absl::StrContains(status.message(), "/dev/full")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "No space left on device")) << status;
}

TEST(JsonlLoggerTest, LeavesNoPartOfALineThatDidNotFit) {
  const std::string path = fresh_folder() + "/metrics.jsonl";
  const auto logger = JsonlLogger::open(path, Time::batches(1));
  ASSERT_TRUE(logger.ok());
  (*logger)->log_metrics({{"a", 1}}, at_batch(1));

  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {.rlim_cur = 100, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = catch_exceptions([&] {
    (*logger)->log_metrics({{"a", 1}}, at_batch(2));
  });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);

  EXPECT_FALSE(status.ok());
  EXPECT_EQ(lines_of(path).size(), 1);
}

// The step's budget for overhead is 10 us; a mistake here, such as a flush to the disk, costs far
// more than the bound, which leaves room for a busy machine.
TEST(JsonlLoggerTest, ALineTakesMicroseconds) {
  const auto logger = JsonlLogger::open(fresh_folder() + "/m", Time::batches(1));
  ASSERT_TRUE(logger.ok());
  const MetricValues metrics = {{"loss/train/total", 0.123456789},
                                {"metrics/train/accuracy", 0.987654321},
                                {"lr/group0", 0.001},
                                {"throughput/samples_per_sec", 123456.789}};
  double best = 1;
  for (int repeat = 0; repeat < 20; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) (*logger)->log_metrics(metrics, at_batch(i));
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count() / 100);
  }
  RecordProperty("microseconds", absl::StrCat(best * 1e6));
  std::cout << "a line of 4 metrics: " << best * 1e6 << " us\n";
  EXPECT_LT(best, 20e-6);
}

}  // namespace
}  // namespace composer
