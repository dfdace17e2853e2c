// Microbatches of size `auto` on two ranks, one of which runs out of memory: two trainers in two
// threads, and a reducer that waits for both. No random numbers: the default generator belongs to
// the process.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::plain_sgd;
using testing::TinyLoader;
using testing::TinyModel;

constexpr int kRanks = 2;

// Where the ranks meet. One that nobody comes to throws, so that a test fails rather than hangs.
class Meeting {
 public:
  // Calls `last` when all are here, then lets all go. All must come for the same reason.
  void meet(const std::string& reason, const std::function<void()>& last) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (waiting_ == 0) reason_ = reason;
    TORCH_CHECK(reason == reason_, "one rank came for \"", reason, "\", another for \"", reason_,
                "\"");
    const int64_t round = round_;
    if (++waiting_ == kRanks) {
      last();
      waiting_ = 0;
      ++round_;
      all_here_.notify_all();
      return;
    }
    TORCH_CHECK(all_here_.wait_for(lock, std::chrono::seconds(20), [&] { return round_ > round; }),
                "a rank waited in vain for \"", reason, "\"");
  }

  bool any(bool flag) {
    meet("any", [] {});
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      any_ = any_ || flag;
    }
    bool result = false;
    meet("any's answer", [&] { answer_ = any_; });
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      result = answer_;
    }
    meet("any's end", [&] { any_ = false; });
    return result;
  }

  // Both ranks' gradients become their mean.
  void average(int rank, at::Tensor& gradient) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      gradients_[rank] = gradient;
    }
    meet("finish", [&] {
      const at::Tensor mean = (gradients_[0] + gradients_[1]) / 2;
      for (const at::Tensor& each : gradients_) each.copy_(mean);
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  int waiting_ = 0;
  int64_t round_ = 0;
  std::string reason_;
  bool any_ = false;
  bool answer_ = false;
  std::array<at::Tensor, kRanks> gradients_;
};

// Exchanges gradients in `finish`; one that a backward is announced for would hang.
class MeetingReducer final : public GradientReducer {
 public:
  MeetingReducer(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}
  void prepare(bool last_microbatch) override { announced = announced || last_microbatch; }
  void finish(absl::Span<const std::unique_ptr<Optimizer>> optimizers) override {
    at::Tensor& gradient = optimizers[0]->groups()[0].parameters[0].tensor.mutable_grad();
    const at::NoGradGuard no_grad;
    meeting_.average(rank_, gradient);
  }
  bool any(bool flag) override { return meeting_.any(flag); }

  bool announced = false;

 private:
  Meeting& meeting_;
  const int rank_;
};

// Runs out of memory above a number of samples, in forward or in backward.
class RankModel final : public TinyModel {
 public:
  RankModel(int64_t limit, bool in_backward) : limit_(limit), in_backward_(in_backward) {
    const at::NoGradGuard no_grad;
    weight.copy_(at::arange(12, at::kFloat).view({3, 4}) / 50);
  }
  Outputs forward(const Batch& batch) override {
    Outputs outputs = TinyModel::forward(batch);
    if (batch.num_samples() <= limit_) return outputs;
    TORCH_CHECK_WITH(OutOfMemoryError, in_backward_, "there is no more");
    outputs.at("logits").register_hook([](const at::Tensor& gradient) -> at::Tensor {
      TORCH_CHECK_WITH(OutOfMemoryError, false, "there is no more");
      return gradient;
    });
    return outputs;
  }

 private:
  const int64_t limit_;
  const bool in_backward_;
};

struct Rank {
  int64_t limit = 1000;  // samples
  bool in_backward = false;
  int64_t samples = 24;
  int64_t batch_size = 8;
};

struct Ended {
  absl::Status status;
  at::Tensor weight;
  int64_t size;
  bool announced;
};

std::array<Ended, kRanks> train(const std::array<Rank, kRanks>& ranks, int64_t microbatch_size) {
  Meeting meeting;
  std::array<std::unique_ptr<Trainer>, kRanks> trainers;
  for (int i = 0; i < kRanks; ++i) {
    TrainerOptions options;
    options.model = std::make_shared<RankModel>(ranks[i].limit, ranks[i].in_backward);
    options.train = std::make_shared<TinyLoader>(ranks[i].samples, ranks[i].batch_size, i + 1);
    options.max_duration = "2ep";
    options.optimizers = {plain_sgd(0.5)};
    options.device_train_microbatch_size = microbatch_size;
    options.gradient_reducer = std::make_unique<MeetingReducer>(meeting, i);
    auto trainer = Trainer::create(std::move(options));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    trainers[i] = *std::move(trainer);
  }
  std::array<Ended, kRanks> ended;
  std::vector<std::thread> threads;
  for (int i = 0; i < kRanks; ++i) {
    threads.emplace_back([&, i] { ended[i].status = trainers[i]->fit(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kRanks; ++i) {
    const State& state = trainers[i]->state();
    ended[i].weight = dynamic_cast<RankModel&>(*state.model).weight.detach();
    ended[i].size = state.device_train_microbatch_size;
    ended[i].announced = dynamic_cast<MeetingReducer&>(*state.gradient_reducer).announced;
  }
  return ended;
}

void expect_ok(const std::array<Ended, kRanks>& ended) {
  for (const Ended& rank : ended) EXPECT_TRUE(rank.status.ok()) << rank.status;
  EXPECT_TRUE(at::equal(ended[0].weight, ended[1].weight));
}

class Vote : public ::testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(1); }
};

TEST_F(Vote, OneRankOutOfMemoryHalvesBoth) {
  const auto expected = train({}, 2);
  expect_ok(expected);
  EXPECT_TRUE(expected[0].announced);
  for (const int failing : {0, 1}) {
    for (const bool in_backward : {false, true}) {
      std::array<Rank, kRanks> ranks;
      ranks[failing] = {.limit = 2, .in_backward = in_backward};
      const auto found = train(ranks, kAutoMicrobatchSize);
      expect_ok(found);
      for (const Ended& rank : found) {
        EXPECT_EQ(rank.size, 2);
        // A backward that exchanges would wait for the rank whose own has failed.
        EXPECT_FALSE(rank.announced);
      }
      EXPECT_TRUE(at::equal(found[0].weight, expected[0].weight));
    }
  }
}

TEST_F(Vote, RanksOutOfMemoryAtDifferentSizesAgree) {
  const auto found = train({Rank{.limit = 4}, Rank{.limit = 1}}, kAutoMicrobatchSize);
  expect_ok(found);
  EXPECT_EQ(found[0].size, 1);
  EXPECT_EQ(found[1].size, 1);
}

TEST_F(Vote, ARankThatCannotEvenTrainOnOneSampleEndsTheRunOnAll) {
  // The batches of the second rank are smaller, so that it is at its end where the first could go
  // on.
  const auto found =
      train({Rank{}, Rank{.limit = 0, .samples = 3, .batch_size = 1}}, kAutoMicrobatchSize);
  for (const Ended& rank : found) {
    EXPECT_EQ(rank.status.code(), absl::StatusCode::kResourceExhausted) << rank.status;
  }
  EXPECT_NE(found[0].status.message().find("another rank"), std::string::npos);
  EXPECT_NE(found[1].status.message().find("there is no more"), std::string::npos);
}

}  // namespace
}  // namespace composer
