// A run that is interrupted anywhere and taken up by a fresh trainer ends with the bits of one that
// never stopped.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/data/batches_loader.h"
#include "composer/loggers/in_memory.h"
#include "composer/optim/adamw.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

// Draws from the default generator in training and in evaluation, and has a buffer.
class RandomModel final : public testing::TinyModel {
 public:
  RandomModel() { calls_ = register_buffer("calls", at::zeros({}, at::kLong)); }

  Outputs forward(const Batch& batch) override {
    if (is_training()) calls_.add_(1);
    const at::Tensor kept = at::dropout(batch.at("input"), 0.3, /*train=*/true);
    return {{"logits", at::linear(kept, weight)}};
  }

 private:
  at::Tensor calls_;
};

std::vector<Batch> batches(int64_t count) {
  std::vector<Batch> batches;
  testing::TinyLoader loader(count * 4, 4);
  while (std::optional<Batch> batch = loader.next()) batches.push_back(*std::move(batch));
  return batches;
}

// An event at so many batches, and in the middle of an evaluation at so many of its batches.
struct Stop {
  Event event;
  int64_t batch;
  int64_t other = 0;
};

class Interrupter final : public Callback {
 public:
  explicit Interrupter(std::optional<Stop> stop) : stop_(stop) {}

  void run_event(Event event, State& state, Logger& logger) override {
    if (!stop_ || event != stop_->event || state.timestamp.batch != stop_->batch) return;
    const int64_t other = is_eval(event) ? state.eval_timestamp.batch : state.microbatch;
    if (other == stop_->other) state.interrupt("a test");
  }

 private:
  static bool is_eval(Event event) {
    return event == Event::kEvalBatchEnd || event == Event::kEvalStart;
  }

  const std::optional<Stop> stop_;
};

struct Case {
  std::string name;
  std::string duration;
  std::vector<Stop> stops;
  bool background = true;
};

// Everything that training leaves behind but wall-clock times and the callbacks of the tests.
StateDict without_times(const Trainer& trainer) {
  const StateDict all = trainer.state_dict();
  StateDict result;
  for (const auto& [name, part] : all.children()) {
    if (name != "timestamp" && name != "callbacks" && name != "loggers") result.set(name, part);
  }
  Timestamp time = trainer.state().timestamp;
  time.total_wct = time.iteration_wct = time.epoch_wct = time.batch_wct = absl::ZeroDuration();
  result.set("batch", time.batch);
  result.set("sample", time.sample);
  result.set("epoch", time.epoch);
  result.set("iteration", time.iteration);
  result.set("batch_in_epoch", time.batch_in_epoch);
  return result;
}

// Values of all metrics but times, by name, each with its batch.
using History = std::map<std::string, std::vector<std::pair<int64_t, double>>>;

class ResumeTest : public ::testing::TestWithParam<Case> {
 protected:
  // Trains in `folder` from its newest checkpoint, if there is one, and notes what is logged.
  std::unique_ptr<Trainer> train(const std::string& folder, std::optional<Stop> stop,
                                 History& history) {
    seed_everything(3);
    TrainerOptions options;
    options.model = std::make_shared<RandomModel>();
    options.train = std::make_shared<BatchesLoader>(batches(5));
    options.max_duration = GetParam().duration;
    options.iteration_length = "2ep";
    options.optimizers = {adamw({.lr = 0.1})};
    options.device_train_microbatch_size = 2;
    const auto data = std::make_shared<BatchesLoader>(batches(3));
    options.evaluators.push_back({.label = "often", .data = data, .interval = "2ba"});
    options.evaluators.push_back({.label = "too", .data = data, .interval = "2ba"});
    options.evaluators.push_back({.label = "seldom", .data = data, .interval = "1ep"});
    options.callbacks.push_back(std::make_unique<Interrupter>(stop));
    auto logger = std::make_unique<InMemoryLogger>();
    const InMemoryLogger& log = *logger;
    options.loggers.push_back(std::move(logger));
    options.checkpoints = {.saver = {.folder = folder, .background = GetParam().background},
                           .interval = "1000ba",
                           .at_end = false};
    absl::StatusOr<std::unique_ptr<Trainer>> trainer = Trainer::create(std::move(options));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    if (!trainer.ok()) return nullptr;
    const absl::StatusOr<NewestGood> newest = newest_good_checkpoint(folder);
    EXPECT_TRUE(newest.ok()) << newest.status();
    if (newest.ok() && newest->checkpoint) {
      const absl::StatusOr<Checkpoint> checkpoint = read_checkpoint(newest->checkpoint->path);
      EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
      const absl::Status loaded = (*trainer)->load_checkpoint(*checkpoint);
      EXPECT_TRUE(loaded.ok()) << loaded;
    }
    const absl::Status status = (*trainer)->fit();
    EXPECT_TRUE(status.ok()) << status;
    for (const std::string& name : log.names()) {
      if (absl::StartsWith(name, "time/")) continue;
      for (const auto& [time, value] : log.history(name)) {
        history[name].emplace_back(time.batch, value);
      }
    }
    return *std::move(trainer);
  }

  std::string folder(const std::string& which) {
    const std::string path =
        absl::StrCat(::testing::TempDir(), "/resume_", GetParam().name, "_", which);
    std::filesystem::remove_all(path);
    return path;
  }
};

TEST_P(ResumeTest, EndsWithTheSameBits) {
  History unbroken_history, history;
  const auto unbroken = train(folder("unbroken"), std::nullopt, unbroken_history);
  ASSERT_NE(unbroken, nullptr);
  const std::string resumed = folder("resumed");
  for (const Stop& stop : GetParam().stops) {
    const auto run = train(resumed, stop, history);
    ASSERT_NE(run, nullptr);
    EXPECT_TRUE(run->state().interrupted) << event_name(stop.event) << " " << stop.batch;
  }
  const auto last = train(resumed, std::nullopt, history);
  ASSERT_NE(last, nullptr);
  EXPECT_FALSE(last->state().interrupted);
  EXPECT_EQ(without_times(*unbroken).first_difference(without_times(*last)), "");
  EXPECT_EQ(history, unbroken_history);
}

INSTANTIATE_TEST_SUITE_P(
    Stops, ResumeTest,
    ::testing::Values(
        Case{"first_batch", "3ep", {{Event::kBatchEnd, 1}}},
        Case{"mid_epoch", "3ep", {{Event::kBatchEnd, 8}}},
        Case{"not_in_background", "3ep", {{Event::kBatchEnd, 8}}, /*background=*/false},
        Case{"last_batch_of_an_epoch", "3ep", {{Event::kBatchEnd, 5}}},
        Case{"epoch_end", "3ep", {{Event::kEpochEnd, 5}}},
        Case{"iteration_end", "5ep", {{Event::kIterationEnd, 10}}},
        Case{"epoch_end_that_ends_an_iteration", "5ep", {{Event::kEpochEnd, 10}}},
        Case{"epoch_start", "3ep", {{Event::kEpochStart, 5}}},
        Case{"before_dataloader", "3ep", {{Event::kBeforeDataloader, 7}}},
        Case{"between_microbatches", "3ep", {{Event::kAfterForward, 7, 1}}},
        Case{"evaluation_starts", "3ep", {{Event::kEvalStart, 4}}},
        Case{"inside_an_evaluation", "3ep", {{Event::kEvalBatchEnd, 4, 2}}},
        Case{"inside_an_evaluation_at_epoch_end", "3ep", {{Event::kEvalBatchEnd, 5, 1}}},
        Case{"inside_the_last_evaluation", "3ep", {{Event::kEvalBatchEnd, 15, 1}}},
        Case{"inside_an_evaluation_before_an_iteration", "4ep", {{Event::kEvalBatchEnd, 10, 2}}},
        Case{"ends_mid_epoch", "13ba", {{Event::kBatchEnd, 12}}},
        Case{"after_the_last_batch", "13ba", {{Event::kBatchEnd, 13}}},
        Case{"after_the_last_batch_at_epoch_end", "10ba", {{Event::kBatchEnd, 10}}},
        Case{"in_samples", "50sp", {{Event::kBatchEnd, 9}}},
        Case{"twice", "3ep", {{Event::kBatchEnd, 3}, {Event::kEvalBatchEnd, 8, 1}}},
        Case{"thrice_in_one_evaluation",
             "3ep",
             {{Event::kEvalBatchEnd, 4, 1}, {Event::kEvalBatchEnd, 4, 2}, {Event::kEvalStart, 4}}},
        Case{"at_every_step",
             "1ep",
             {{Event::kBatchEnd, 1},
              {Event::kBatchEnd, 2},
              {Event::kBatchEnd, 3},
              {Event::kBatchEnd, 4},
              {Event::kBatchEnd, 5}}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace composer
