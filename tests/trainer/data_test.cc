#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include "absl/strings/match.h"
#include "composer/data/loader.h"
#include "composer/loggers/in_memory.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::plain_sgd;
using testing::TinyModel;

// 40 samples that TinyModel takes; `before` may do something first.
class Samples final : public Dataset {
 public:
  explicit Samples(std::function<void(int64_t index)> before = [](int64_t) {})
      : before_(std::move(before)) {}
  int64_t size() const override { return 40; }
  TensorDict get(int64_t index) const override {
    before_(index);
    return {{"input", at::full({4}, static_cast<double>(index % 7) - 3)},
            {"target", at::scalar_tensor(index % 3, at::kLong)}};
  }
  std::string name() const override { return "samples"; }

 private:
  std::function<void(int64_t index)> before_;
};

std::shared_ptr<DataLoader> loader(std::shared_ptr<const Dataset> dataset,
                                   const MapDataLoaderOptions& options) {
  auto loader = MapDataLoader::create(std::move(dataset), options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

// Wants every so-manyth step.
class Recorder final : public InMemoryLogger {
 public:
  explicit Recorder(int64_t every) : every_(every) {}
  bool due(const Timestamp&, const Timestamp& after) override { return after.batch % every_ == 0; }

 private:
  int64_t every_;
};

struct Training {
  std::unique_ptr<Trainer> trainer;
  InMemoryLogger* log;
};

Training make_training(std::shared_ptr<DataLoader> train, const std::string& max_duration,
                       int64_t every = 1) {
  seed_everything(3);
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::move(train);
  options.max_duration = max_duration;
  options.optimizers = {plain_sgd(0.1)};
  auto log = std::make_unique<Recorder>(every);
  InMemoryLogger* const kept = log.get();
  options.loggers.push_back(std::move(log));
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return {*std::move(trainer), kept};
}

void sleep_ms(int64_t milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

TEST(DataWait, IsTheWholeStepWhereOnlyDataIsSlow) {
  const auto slow = std::make_shared<Samples>([](int64_t) { sleep_ms(2); });
  const Training training = make_training(loader(slow, {.batch_size = 10}), "4ba");
  ASSERT_TRUE(training.trainer->fit().ok());
  const auto history = training.log->history("time/data_wait_fraction");
  ASSERT_EQ(history.size(), 4u);
  double largest = 0;
  for (const auto& entry : history) largest = std::max(largest, entry.value);
  EXPECT_GT(largest, 0.5);
  EXPECT_LE(largest, 1);
  EXPECT_EQ(history[2].timestamp.batch, 3);
}

TEST(DataWait, CountsTheStepsSinceTheLastLoggedOne) {
  // Slow in the second batch of four, which is not logged.
  const auto slow = std::make_shared<Samples>([](int64_t index) {
    if (index >= 10 && index < 20) sleep_ms(10);
  });
  const Training training = make_training(loader(slow, {.batch_size = 10}), "8ba", 4);
  ASSERT_TRUE(training.trainer->fit().ok());
  const auto history = training.log->history("time/data_wait_fraction");
  ASSERT_EQ(history.size(), 2u);
  for (const auto& entry : history) EXPECT_GT(entry.value, 0.5);
}

TEST(DataWait, IsShortWhereWorkersAreAhead) {
  class SlowModel final : public TinyModel {
   public:
    Outputs forward(const Batch& batch) override {
      sleep_ms(20);
      return TinyModel::forward(batch);
    }
  };
  TrainerOptions options;
  options.model = std::make_shared<SlowModel>();
  options.train = loader(std::make_shared<Samples>([](int64_t) { sleep_ms(1); }),
                         {.batch_size = 5, .workers = 2});
  options.max_duration = "8ba";
  options.optimizers = {plain_sgd(0.1)};
  auto log = std::make_unique<Recorder>(8);
  InMemoryLogger* const kept = log.get();
  options.loggers.push_back(std::move(log));
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  ASSERT_TRUE((*trainer)->fit().ok());
  // The first batch is waited for, the others are not.
  EXPECT_LT(*kept->latest("time/data_wait_fraction"), 0.4);
}

TEST(SkippedSamples, AreLoggedOnceThereAreSome) {
  const auto broken = std::make_shared<Samples>([](int64_t index) {
    if (index == 12 || index == 25) throw std::runtime_error("/data/12.png: no PNG");
  });
  const Training training = make_training(
      loader(broken, {.batch_size = 10, .workers = 2, .skip_broken_samples = 5}), "2ep");
  ASSERT_TRUE(training.trainer->fit().ok());
  std::vector<double> values;
  const auto history = training.log->history("data/skipped_samples");
  for (const auto& entry : history) values.push_back(entry.value);
  EXPECT_EQ(values, (std::vector<double>{1, 2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(history.front().timestamp.batch, 2);
  // The clock counts what was trained on.
  EXPECT_EQ(training.trainer->state().timestamp.sample, 76);

  const Training whole =
      make_training(loader(std::make_shared<Samples>(), {.batch_size = 10}), "2ep");
  ASSERT_TRUE(whole.trainer->fit().ok());
  EXPECT_TRUE(whole.log->history("data/skipped_samples").empty());
}

TEST(Resume, GoesOnInsideAnEpochWithTheSameBits) {
  const auto broken = std::make_shared<Samples>([](int64_t index) {
    if (index % 13 == 5) throw std::runtime_error("no PNG");
  });
  MapDataLoaderOptions options = {
      .batch_size = 6, .shuffle = true, .seed = 9, .skip_broken_samples = 5};
  const Training unbroken = make_training(loader(broken, options), "17ba");
  ASSERT_TRUE(unbroken.trainer->fit().ok());

  options.workers = 3;
  const Training first = make_training(loader(broken, options), "10ba");
  ASSERT_TRUE(first.trainer->fit().ok());
  const Training second = make_training(loader(broken, options), "17ba");
  ASSERT_TRUE(second.trainer->load_state_dict(first.trainer->state_dict()).ok());
  ASSERT_TRUE(second.trainer->fit().ok());
  const auto weight = [](const Training& training) {
    return dynamic_cast<const TinyModel&>(*training.trainer->state().model).weight;
  };
  EXPECT_TRUE(at::equal(weight(second), weight(unbroken)));
  EXPECT_EQ(second.trainer->state().timestamp.sample, unbroken.trainer->state().timestamp.sample);
  EXPECT_EQ(second.trainer->state().dataloader->skipped_samples(), 3);
}

TEST(Resume, IsRefusedOnDataThatHasChanged) {
  class Fewer final : public Dataset {
   public:
    int64_t size() const override { return 39; }
    TensorDict get(int64_t index) const override { return Samples().get(index); }
    std::string name() const override { return "samples"; }
  };
  const Training first =
      make_training(loader(std::make_shared<Samples>(), {.batch_size = 6}), "1ba");
  ASSERT_TRUE(first.trainer->fit().ok());
  const Training second =
      make_training(loader(std::make_shared<Fewer>(), {.batch_size = 6}), "2ba");
  const absl::Status error = second.trainer->load_state_dict(first.trainer->state_dict());
  EXPECT_TRUE(absl::StartsWith(
      error.message(),
      "train_loader: dataset samples has 39 samples now and had 40 when the state"))
      << error;
}

}  // namespace
}  // namespace composer
