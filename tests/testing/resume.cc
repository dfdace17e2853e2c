#include "tests/testing/resume.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/checkpoint/checkpoint.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/core/state.h"
#include "composer/loggers/jsonl.h"

namespace composer::testing {
namespace {

std::string fresh_folder() {
  std::string path = ::testing::TempDir() + "resume.XXXXXX";
  EXPECT_NE(::mkdtemp(path.data()), nullptr) << path;
  return path;
}

class Stopper final : public Callback {
 public:
  explicit Stopper(std::optional<Stop> stop) : stop_(stop) {}
  void run_event(Event event, State& state, Logger&) override {
    if (!stop_ || event != stop_->event || state.timestamp.batch != stop_->batch) return;
    state.interrupt("the test");
  }

 private:
  const std::optional<Stop> stop_;
};

// One process's part of a run.
struct Part {
  std::optional<Stop> stop = {};
  // How often checkpoints are saved, beside the one of an interruption; none at all when empty.
  std::string interval = {};
  // Read, and gone on from.
  std::string from = {};
};

// What it left in `folder`: metrics.jsonl, and checkpoints.
struct Result {
  StateDict state;
  // Whether it was interrupted, with the newest checkpoint.
  bool interrupted = false;
  std::string newest;
};

Result train(const MakeRun& run, const std::string& folder, const Part& part) {
  TrainerOptions options = run();
  options.callbacks.push_back(std::make_unique<Stopper>(part.stop));
  auto logger = JsonlLogger::open(folder + "/metrics.jsonl", Time::batches(1));
  EXPECT_TRUE(logger.ok()) << logger.status();
  options.loggers.push_back(*std::move(logger));
  if (!part.interval.empty()) {
    options.checkpoints =
        CheckpointOptions{.saver = {.folder = folder + "/checkpoints"}, .interval = part.interval};
  }
  const auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  if (!trainer.ok()) return {};
  if (!part.from.empty()) {
    const auto checkpoint = read_checkpoint(part.from);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    if (!checkpoint.ok()) return {};
    const absl::Status loaded = (*trainer)->load_checkpoint(*checkpoint);
    EXPECT_TRUE(loaded.ok()) << loaded;
  }
  const absl::Status status = (*trainer)->fit();
  EXPECT_TRUE(status.ok()) << status;
  Result result{.state = trained(**trainer), .interrupted = (*trainer)->state().interrupted};
  if (CheckpointSaver* saver = (*trainer)->saver()) result.newest = saver->newest();
  return result;
}

struct Expected {
  StateDict state;
  std::vector<std::string> lines;
};

void expect_same(const Result& result, const std::string& folder, const Expected& expected) {
  EXPECT_EQ(result.state.first_difference(expected.state), "");
  EXPECT_EQ(logged(folder + "/metrics.jsonl"), expected.lines);
}

void expect_exact_chain(const MakeRun& run, const std::vector<Stop>& chain,
                        const Expected& expected) {
  const std::string folder = fresh_folder();
  std::string from;
  for (const Stop& stop : chain) {
    const Result part = train(run, folder, {.stop = stop, .interval = "0ep", .from = from});
    ASSERT_TRUE(part.interrupted) << event_name(stop.event) << " never fires after " << stop.batch
                                  << " batches";
    // Nothing is saved where nothing was trained since the checkpoint that was read.
    if (!part.newest.empty()) from = part.newest;
    ASSERT_FALSE(from.empty());
  }
  const Result last = train(run, folder, {.interval = "0ep", .from = from});
  EXPECT_FALSE(last.interrupted);
  expect_same(last, folder, expected);
}

// `interval` saves at the ends of batches or of epochs.
void expect_exact_after_kills(const MakeRun& run, const std::string& interval,
                              const Expected& expected) {
  const std::string folder = fresh_folder();
  expect_same(train(run, folder, {.interval = interval}), folder, expected);
  const auto stored = list_checkpoints(folder + "/checkpoints");
  ASSERT_TRUE(stored.ok()) << stored.status();
  ASSERT_FALSE(stored->empty());
  for (const StoredCheckpoint& checkpoint : *stored) {
    SCOPED_TRACE(checkpoint.name);
    const std::string own = fresh_folder();
    std::filesystem::copy_file(folder + "/metrics.jsonl", own + "/metrics.jsonl");
    expect_same(train(run, own, {.from = checkpoint.path}), own, expected);
  }
}

std::string describe(const std::vector<Stop>& chain) {
  std::string text = "interrupted at";
  for (const Stop& stop : chain) absl::StrAppend(&text, " ", event_name(stop.event), stop.batch);
  return text;
}

}  // namespace

std::vector<std::vector<Stop>> usual_stops() {
  return {
      {{Event::kBatchEnd, 1}},
      {{Event::kAfterForward, 2}},
      {{Event::kBatchEnd, 4}},
      {{Event::kEvalBatchEnd, 4}},
      {{Event::kBatchEnd, 8}},
      {{Event::kBatchEnd, 2}, {Event::kEpochEnd, 4}},
      {{Event::kBatchEnd, 1}, {Event::kBatchEnd, 2}, {Event::kBatchEnd, 6}},
  };
}

StateDict without_clocks(StateDict state) {
  StateDict timestamp = **state.child("timestamp");
  for (const char* clock : {"total_wct", "iteration_wct", "epoch_wct", "batch_wct"}) {
    timestamp.set(clock, 0);
  }
  state.set("timestamp", std::move(timestamp));
  state.set("loggers", StateDict());
  return state;
}

StateDict trained(const Trainer& trainer) { return without_clocks(trainer.state_dict()); }

std::vector<std::string> logged(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::ordered_json all = nlohmann::ordered_json::parse(line);
    nlohmann::ordered_json kept;
    for (const auto& [name, value] : all.items()) {
      const bool of_time = name == "time" || absl::StartsWith(name, "time/") ||
                           absl::StartsWith(name, "throughput/");
      if (!of_time) kept[name] = value;
    }
    lines.push_back(kept.dump());
  }
  return lines;
}

void expect_exact_resume(const MakeRun& run, const std::vector<std::vector<Stop>>& chains) {
  const std::string folder = fresh_folder();
  const Result unbroken = train(run, folder, {});
  const Expected expected{unbroken.state, logged(folder + "/metrics.jsonl")};
  ASSERT_FALSE(expected.lines.empty());
  for (const std::vector<Stop>& chain : chains) {
    SCOPED_TRACE(describe(chain));
    expect_exact_chain(run, chain, expected);
  }
  for (const char* interval : {"1ba", "1ep"}) {
    SCOPED_TRACE(absl::StrCat("killed after a save each ", interval));
    expect_exact_after_kills(run, interval, expected);
  }
}

}  // namespace composer::testing
