// What a steady step of the Trainer costs beside its arithmetic, against a loop written by hand.

#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "benchmarks/hand_written.h"
#include "composer/data/batches_loader.h"
#include "composer/loggers/jsonl.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/trainer.h"
#include "models/mlp.h"
#include "tests/testing/counters.h"

namespace composer {
namespace {

// Before the first step that counts, and from there to the last.
constexpr int kWarmUp = 6;
constexpr int kSteps = 20;
// The loader has that many batches, so that no epoch ends on the way.
constexpr int kBatches = 40;

std::vector<Batch> make_batches() {
  std::vector<Batch> batches;
  for (int i = 0; i < kBatches; ++i) {
    batches.push_back({{"input", at::rand({8, 32})}, {"target", at::randint(10, {8}, at::kLong)}});
  }
  return batches;
}

// What `count` says at the end of the last step, less what it said before the first.
class Meter : public Callback {
 public:
  using Count = std::function<int64_t()>;

  void begin(Count count) {
    count_ = std::move(count);
    batches_ = 0;
  }

  void batch_end(State&, Logger&) override {
    ++batches_;
    if (batches_ == kWarmUp) first_ = count_();
    if (batches_ == kWarmUp + kSteps) last_ = count_();
  }

  int64_t counted() const { return last_ - first_; }

 private:
  Count count_;
  int64_t batches_ = 0;
  int64_t first_ = 0;
  int64_t last_ = 0;
};

class TrainerStepCostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    TrainerOptions options;
    options.model = std::make_shared<Mlp>(
        MlpOptions{.input_size = 32, .hidden_sizes = {64}, .num_classes = 10});
    options.train = std::make_shared<BatchesLoader>(batches_);
    options.optimizers = {sgd({.lr = 0.01, .momentum = 0.9})};
    auto meter = std::make_unique<Meter>();
    meter_ = meter.get();
    options.callbacks.push_back(std::move(meter));
    auto jsonl =
        JsonlLogger::open(::testing::TempDir() + "step_cost.jsonl", Time::batches(kBatches));
    ASSERT_TRUE(jsonl.ok()) << jsonl.status();
    options.loggers.push_back(*std::move(jsonl));
    auto trainer = Trainer::create(std::move(options));
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    trainer_ = *std::move(trainer);
  }

  // Over the steps of an epoch in which nothing is logged.
  int64_t counted(Meter::Count count) {
    meter_->begin(std::move(count));
    const absl::Status status = trainer_->fit({.duration = "1ep"});
    EXPECT_TRUE(status.ok()) << status;
    return meter_->counted();
  }

  const std::vector<Batch> batches_ = make_batches();
  std::unique_ptr<Trainer> trainer_;
  Meter* meter_ = nullptr;
};

TEST_F(TrainerStepCostTest, NoStepWaitsForADevice) {
  const testing::HostReads reads;
  EXPECT_EQ(counted([&] { return reads.count(); }), 0);
  EXPECT_GT(reads.count(), 0) << "the last batch is logged, and its loss is read";
}

TEST_F(TrainerStepCostTest, AllocatesNoMoreThanALoopWrittenByHand) {
  if (!testing::counts_allocations()) {
    GTEST_SKIP() << "a sanitizer's malloc is used, and cannot be counted";
  }
  benchmarks::HandWritten loop("tiny_mlp", /*fused=*/true);
  int64_t by_hand = 0;
  for (int i = 0; i < kWarmUp + kSteps; ++i) {
    if (i == kWarmUp) by_hand = testing::allocations();
    loop.step(batches_[i].at("input"), batches_[i].at("target"));
  }
  by_hand = testing::allocations() - by_hand;
  EXPECT_GT(by_hand, kSteps);
  EXPECT_LE(counted(testing::allocations), by_hand);
}

}  // namespace
}  // namespace composer
