// When a trainer saves checkpoints, and what it does with them.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/data/batches_loader.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::TinyModel;

std::vector<Batch> batches(int64_t count) {
  std::vector<Batch> batches;
  testing::TinyLoader loader(count * 4, 4);
  while (std::optional<Batch> batch = loader.next()) batches.push_back(*std::move(batch));
  return batches;
}

std::vector<Batch> without(std::vector<Batch> batches, size_t first, size_t last) {
  batches.erase(batches.begin() + first, batches.begin() + last + 1);
  return batches;
}

std::vector<Batch> spoilt(std::vector<Batch> batches, const std::set<size_t>& positions) {
  for (const size_t position : positions) {
    batches[position] = {
        {"input", at::full({4, 4}, std::numeric_limits<double>::quiet_NaN(), at::kFloat)},
        {"target", batches[position].at("target")}};
  }
  return batches;
}

class CheckpointsTest : public ::testing::Test {
 protected:
  CheckpointsTest() {
    const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(::testing::TempDir(), "/checkpoints_", test->name());
    std::filesystem::remove_all(folder_);
  }

  TrainerOptions options(std::vector<Batch> data, CheckpointOptions checkpoints) {
    seed_everything(3);
    TrainerOptions options;
    options.model = std::make_shared<TinyModel>();
    options.train = std::make_shared<BatchesLoader>(std::move(data));
    options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
    options.max_duration = "2ep";
    checkpoints.saver.folder = folder_;
    options.checkpoints = std::move(checkpoints);
    return options;
  }

  static std::unique_ptr<Trainer> create(TrainerOptions options) {
    absl::StatusOr<std::unique_ptr<Trainer>> trainer = Trainer::create(std::move(options));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return trainer.ok() ? *std::move(trainer) : nullptr;
  }

  // The batches at which the checkpoints in the folder were saved, in order.
  std::vector<int64_t> saved() const {
    std::vector<int64_t> result;
    const auto stored = list_checkpoints(folder_);
    EXPECT_TRUE(stored.ok()) << stored.status();
    for (const StoredCheckpoint& checkpoint : *stored) {
      EXPECT_TRUE(checkpoint.manifest.ok()) << checkpoint.manifest.status();
      result.push_back(checkpoint.manifest->time.batch);
    }
    return result;
  }

  std::vector<int64_t> saved_by(CheckpointOptions checkpoints,
                                const std::string& duration = "2ep") {
    TrainerOptions made = options(batches(6), std::move(checkpoints));
    made.max_duration = duration;
    const std::unique_ptr<Trainer> trainer = create(std::move(made));
    const absl::Status status = trainer->fit();
    EXPECT_TRUE(status.ok()) << status;
    return saved();
  }

  std::string folder_;
};

using Batches = std::vector<int64_t>;

TEST_F(CheckpointsTest, EveryEpochByDefault) { EXPECT_EQ(saved_by({}), (Batches{6, 12})); }

TEST_F(CheckpointsTest, EverySoManyBatchesAndAtTheEnd) {
  EXPECT_EQ(saved_by({.interval = "5ba"}), (Batches{5, 10, 12}));
}

TEST_F(CheckpointsTest, NotAtTheEndIfNotWanted) {
  EXPECT_EQ(saved_by({.interval = "5ba", .at_end = false}), (Batches{5, 10}));
}

TEST_F(CheckpointsTest, OnlyAtTheEnd) { EXPECT_EQ(saved_by({.interval = "0ep"}), (Batches{12})); }

TEST_F(CheckpointsTest, InPartsOfTheRun) {
  EXPECT_EQ(saved_by({.interval = "0.25dur", .at_end = false}), (Batches{3, 6, 9, 12}));
}

TEST_F(CheckpointsTest, InSamples) {
  EXPECT_EQ(saved_by({.interval = "10sp", .at_end = false}, "5ba"), (Batches{3, 5}));
}

TEST_F(CheckpointsTest, TheEndInTheMiddleOfAnEpochIsSavedOnce) {
  EXPECT_EQ(saved_by({.interval = "4ba"}, "8ba"), (Batches{4, 8}));
}

TEST_F(CheckpointsTest, TheNewestAndMilestonesStay) {
  EXPECT_EQ(
      saved_by(
          {.saver = {.retention = {.keep_last = 2}}, .interval = "1ba", .milestones = {"5ba"}}),
      (Batches{5, 10, 11, 12}));
}

TEST_F(CheckpointsTest, TheBestByAMetricOfAnEvaluationStays) {
  CheckpointOptions checkpoints = {.interval = "1ba"};
  checkpoints.saver.retention.keep_last = 1;
  checkpoints.saver.retention.keep_best = {{.metric = "metrics/eval/accuracy"}};
  TrainerOptions made = options(batches(6), std::move(checkpoints));
  made.evaluators.push_back(
      {.data = std::make_shared<BatchesLoader>(batches(2)), .interval = "1ba"});
  // Makes the model worse before its last steps.
  struct Spoiler final : Callback {
    void batch_start(State& state, Logger& logger) override {
      if (state.timestamp.batch != 10) return;
      const at::NoGradGuard no_grad;
      for (at::Tensor& parameter : state.model->parameters()) parameter.mul_(-100);
    }
  };
  made.callbacks.push_back(std::make_unique<Spoiler>());
  const std::unique_ptr<Trainer> trainer = create(std::move(made));
  ASSERT_TRUE(trainer->fit().ok());
  const auto stored = list_checkpoints(folder_);
  ASSERT_TRUE(stored.ok());
  ASSERT_EQ(stored->size(), 2);
  const double best = (*stored)[0].manifest->metrics.at("metrics/eval/accuracy");
  EXPECT_GT(best, (*stored)[1].manifest->metrics.at("metrics/eval/accuracy"));
}

TEST_F(CheckpointsTest, OneIsSavedWhenAskedFor) {
  struct Asker final : Callback {
    Trainer* trainer = nullptr;
    void batch_start(State& state, Logger& logger) override {
      if (state.timestamp.batch == 3) trainer->request_save();
    }
  };
  TrainerOptions made = options(batches(6), {.interval = "0ep", .at_end = false});
  auto asker = std::make_unique<Asker>();
  Asker& asks = *asker;
  made.callbacks.push_back(std::move(asker));
  const std::unique_ptr<Trainer> trainer = create(std::move(made));
  asks.trainer = trainer.get();
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(saved(), (Batches{4}));
}

TEST_F(CheckpointsTest, AFinishedRunEndsAgain) {
  ASSERT_EQ(saved_by({}), (Batches{6, 12}));
  std::vector<std::string> events;
  TrainerOptions made = options(batches(6), {});
  made.callbacks.push_back(std::make_unique<testing::EventRecorder>(&events));
  const std::unique_ptr<Trainer> trainer = create(std::move(made));
  const auto newest = newest_good_checkpoint(folder_);
  const auto checkpoint = read_checkpoint(newest->checkpoint->path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  // The other run had no callbacks.
  Checkpoint loaded = *checkpoint;
  StateDict callbacks;
  callbacks.set("0", StateDict());
  loaded.state.set("callbacks", std::move(callbacks));
  ASSERT_TRUE(trainer->load_checkpoint(loaded).ok());
  events.clear();
  EXPECT_TRUE(trainer->fit().ok());
  EXPECT_EQ(trainer->state().timestamp.batch, 12);
  EXPECT_EQ(events, (std::vector<std::string>{"fit_start", "fit_end"}));
  EXPECT_FALSE(trainer->fit().ok()) << "which is a mistake the second time";
}

TEST_F(CheckpointsTest, ARunGoesOnWithAnotherDuration) {
  ASSERT_EQ(saved_by({}, "1ep"), (Batches{6}));
  TrainerOptions made = options(batches(6), {});
  const std::unique_ptr<Trainer> trainer = create(std::move(made));
  const auto newest = newest_good_checkpoint(folder_);
  ASSERT_TRUE(trainer->load_checkpoint(*read_checkpoint(newest->checkpoint->path)).ok());
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(trainer->state().timestamp.batch, 12);
}

TEST_F(CheckpointsTest, ASaveThatFailsDoesNotStopTheRunUnlessAskedTo) {
  std::ofstream(folder_) << "a file where the folder should be";
  const std::unique_ptr<Trainer> goes_on = create(options(batches(6), {.interval = "2ba"}));
  EXPECT_TRUE(goes_on->fit().ok());
  EXPECT_EQ(goes_on->state().timestamp.batch, 12);
  const std::unique_ptr<Trainer> stops =
      create(options(batches(6), {.interval = "2ba", .stop_on_failure = true}));
  const absl::Status status = stops->fit();
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(absl::StrContains(status.message(), folder_)) << status;
}

TEST_F(CheckpointsTest, SettingsThatCannotWorkAreErrorsAtTheirFields) {
  const auto field = [&](CheckpointOptions checkpoints) {
    return field_of(Trainer::create(options(batches(2), std::move(checkpoints))).status());
  };
  EXPECT_EQ(field({.interval = "5 parsecs"}), "checkpoints.interval");
  EXPECT_EQ(field({.milestones = {"2ep", "0.5dur"}}), "checkpoints.milestones[1]");
  EXPECT_EQ(field({.saver = {.name = "{epok}"}}), "checkpoints.name");
  TrainerOptions made = options(batches(2), {});
  made.checkpoints.reset();
  made.on_bad_step = OnBadStep::kRollback;
  EXPECT_EQ(field_of(Trainer::create(std::move(made)).status()), "bad_steps.policy");
}

// With a checkpoint after every fourth batch, two bad ones take with them what came since.
TEST_F(CheckpointsTest, ABadStepGoesBackToACheckpointAndTrainingOnBehindIt) {
  for (const bool as_device : {false, true}) {
    std::filesystem::remove_all(folder_);
    TrainerOptions made = options(spoilt(batches(12), {6, 9}), {.interval = "4ba"});
    made.max_duration = "1ep";
    made.on_bad_step = OnBadStep::kRollback;
    made.treat_cpu_as_device = as_device;
    const std::unique_ptr<Trainer> trainer = create(std::move(made));
    const absl::Status status = trainer->fit();
    ASSERT_TRUE(status.ok()) << status;
    // 4, 5, 6 go with the first; 8 is saved after 7, so 8 and 9 go with the second.
    EXPECT_EQ(trainer->state().skipped.batches, 5);
    EXPECT_EQ(trainer->state().skipped.samples, 20);

    TrainerOptions other = options(without(without(batches(12), 8, 9), 4, 6), {});
    other.max_duration = "1ep";
    other.checkpoints.reset();
    const std::unique_ptr<Trainer> expected = create(std::move(other));
    ASSERT_TRUE(expected->fit().ok());
    EXPECT_TRUE(at::equal(trainer->state().model->parameters()[0],
                          expected->state().model->parameters()[0]))
        << (as_device ? "as on a device" : "on the CPU");
  }
}

TEST_F(CheckpointsTest, WithoutACheckpointToGoBackToABadStepStopsTheRun) {
  TrainerOptions made = options(spoilt(batches(4), {1}), {.interval = "4ba"});
  made.on_bad_step = OnBadStep::kRollback;
  const absl::Status status = create(std::move(made))->fit();
  EXPECT_TRUE(is_diverged(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "no good checkpoint")) << status;
}

TEST_F(CheckpointsTest, TrainingDoesNotGoBackToOneCheckpointForEver) {
  TrainerOptions made = options(spoilt(batches(8), {2, 3, 4, 5, 6, 7}), {.interval = "100ba"});
  made.on_bad_step = OnBadStep::kRollback;
  made.max_consecutive_skips = 3;
  struct Asker final : Callback {
    Trainer* trainer = nullptr;
    void batch_start(State& state, Logger& logger) override {
      if (state.timestamp.batch == 1) trainer->request_save();
    }
  };
  auto asker = std::make_unique<Asker>();
  Asker& asks = *asker;
  made.callbacks.push_back(std::move(asker));
  const std::unique_ptr<Trainer> trainer = create(std::move(made));
  asks.trainer = trainer.get();
  const absl::Status status = trainer->fit();
  EXPECT_TRUE(is_diverged(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "3 times already")) << status;
  EXPECT_EQ(trainer->state().timestamp.batch, 5);
}

// Waits for a sample until it is told to stop.
class WaitingLoader final : public DataLoader {
 public:
  int64_t batch_size() const override { return 4; }
  std::optional<int64_t> batches_per_epoch() const override { return 6; }
  void seek(int64_t epoch, int64_t batch) override { position_ = batch; }
  void set_stop_waiting(std::function<bool()> stop) override { stop_ = std::move(stop); }

  std::optional<Batch> next() override {
    while (position_ == 2) {
      if (stop_()) throw StatusError(absl::CancelledError("interrupted"));
      std::this_thread::yield();
    }
    return batches(6)[position_++];
  }

 private:
  int64_t position_ = 0;
  std::function<bool()> stop_;
};

TEST_F(CheckpointsTest, AnInterruptionWhileWaitingForDataIsSaved) {
  TrainerOptions made = options(batches(6), {.interval = "0ep"});
  made.train = std::make_shared<WaitingLoader>();
  int asked = 0;
  made.stop_waiting = [&] { return ++asked > 3; };
  const std::unique_ptr<Trainer> trainer = create(std::move(made));
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_TRUE(trainer->state().interrupted);
  EXPECT_EQ(saved(), (Batches{2}));
}

TEST_F(CheckpointsTest, AnInterruptedEvaluationSaysSo) {
  TrainerOptions made = options(batches(6), {});
  struct Interrupter final : Callback {
    void eval_batch_end(State& state, Logger& logger) override { state.interrupt("a test"); }
  };
  made.callbacks.push_back(std::make_unique<Interrupter>());
  made.evaluators.push_back({.data = std::make_shared<BatchesLoader>(batches(2))});
  const std::unique_ptr<Trainer> trainer = create(std::move(made));
  EXPECT_TRUE(absl::IsCancelled(trainer->eval().status()));
}

}  // namespace
}  // namespace composer
