// Microbatches of size `auto`: what comes out must be what the size that is found gives from the
// start, bit for bit.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include "composer/loggers/in_memory.h"
#include "composer/optim/lbfgs.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/limited_allocator.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::LimitedAllocator;
using testing::plain_sgd;
using testing::TinyLoader;
using testing::TinyModel;

constexpr int64_t kBatchSize = 16;

// All that a repeated forward could find changed: batch normalisation, dropout, normal numbers.
class NoisyNet final : public ComposerModel {
 public:
  NoisyNet() {
    in = register_module("in", torch::nn::Linear(4, 256));
    norm = register_module("norm", torch::nn::BatchNorm1d(256));
    out = register_module("out", torch::nn::Linear(256, 3));
  }
  Outputs forward(const Batch& batch) override {
    const at::Tensor& input = batch.at("input");
    const at::Tensor noisy = is_training() ? input + 0.1 * at::randn_like(input) : input;
    const at::Tensor hidden = at::relu(norm->forward(in->forward(noisy)));
    return {{"logits", out->forward(at::dropout(hidden, 0.3, is_training()))}};
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    return at::cross_entropy_loss(outputs.at("logits"), batch.at("target"));
  }
  MetricCollection metrics(bool) const override {
    MetricCollection metrics;
    metrics.add("accuracy", std::make_unique<testing::TinyAccuracy>());
    return metrics;
  }

  torch::nn::Linear in = nullptr;
  torch::nn::BatchNorm1d norm = nullptr;
  torch::nn::Linear out = nullptr;
};

// Runs out of memory where `fails` says so.
class FailingModel : public TinyModel {
 public:
  using Fails = std::function<bool(int64_t samples, int64_t forward)>;
  explicit FailingModel(Fails fails) : fails_(std::move(fails)) {}

  Outputs forward(const Batch& batch) override {
    if (is_training()) {
      TORCH_CHECK_WITH(OutOfMemoryError, !fails_(batch.num_samples(), forwards++),
                       "there is no more");
    }
    Batch dropped = batch;
    dropped.set("input", at::dropout(batch.at("input"), 0.3, is_training()));
    return TinyModel::forward(dropped);
  }

  int64_t forwards = 0;

 private:
  const Fails fails_;
};

FailingModel::Fails above(int64_t limit) {
  return [limit](int64_t samples, int64_t) { return samples > limit; };
}

TrainerOptions options_for(std::shared_ptr<ComposerModel> model, int64_t microbatch_size) {
  TrainerOptions options;
  options.model = std::move(model);
  options.train = std::make_shared<TinyLoader>(2 * kBatchSize + 6, kBatchSize);
  options.max_duration = "2ep";
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.device_train_microbatch_size = microbatch_size;
  return options;
}

template <typename Model, typename... Arguments>
TrainerOptions fresh(int64_t microbatch_size, Arguments&&... arguments) {
  seed_everything(7);
  return options_for(std::make_shared<Model>(std::forward<Arguments>(arguments)...),
                     microbatch_size);
}

std::unique_ptr<Trainer> create(TrainerOptions options) {
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

std::unique_ptr<Trainer> fitted(TrainerOptions options) {
  auto trainer = create(std::move(options));
  const absl::Status status = trainer->fit();
  EXPECT_TRUE(status.ok()) << status;
  return trainer;
}

// All that training changes, random numbers included, but the clocks of the wall.
StateDict trained(const Trainer& trainer) {
  StateDict state = trainer.state_dict();
  StateDict timestamp = **state.child("timestamp");
  for (const char* clock : {"total_wct", "iteration_wct", "epoch_wct", "batch_wct"}) {
    timestamp.set(clock, 0);
  }
  state.set("timestamp", std::move(timestamp));
  return state;
}

void expect_same(const Trainer& a, const Trainer& b) {
  EXPECT_EQ(trained(a).first_difference(trained(b)), "");
}

class AutoMicrobatch : public ::testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(1); }
};

class UnderALimit : public ::testing::TestWithParam<LimitedAllocator::Refusal> {
 protected:
  void SetUp() override { at::set_num_threads(1); }
};

int64_t peak_with(int64_t microbatch_size) {
  const LimitedAllocator allocator;
  fitted(fresh<NoisyNet>(microbatch_size));
  return allocator.peak();
}

TEST_P(UnderALimit, GivesTheBitsOfTheSizeThatIsFound) {
  const int64_t enough = peak_with(4), too_much = peak_with(8);
  ASSERT_LT(enough, too_much);
  const auto expected = fitted(fresh<NoisyNet>(4));

  auto allocator = std::make_unique<LimitedAllocator>((enough + too_much) / 2, GetParam());
  TrainerOptions options = fresh<NoisyNet>(kAutoMicrobatchSize);
  auto owned = std::make_unique<InMemoryLogger>();
  const InMemoryLogger& log = *owned;
  options.loggers.push_back(std::move(owned));
  const auto found = fitted(std::move(options));
  EXPECT_EQ(found->state().device_train_microbatch_size, 4);
  EXPECT_EQ(allocator->refusals(), 2);  // 16, 8
  allocator.reset();                    // the states below take memory of their own
  expect_same(*found, *expected);

  EXPECT_EQ(log.hyperparameters().at("device_train_microbatch_size"), "auto");
  const auto sizes = log.history("trainer/device_train_microbatch_size");
  ASSERT_EQ(sizes.size(), 6u);
  for (const auto& entry : sizes) EXPECT_EQ(entry.value, 4);
}

INSTANTIATE_TEST_SUITE_P(Refusals, UnderALimit,
                         ::testing::Values(LimitedAllocator::Refusal::kOutOfMemoryError,
                                           LimitedAllocator::Refusal::kPlainError,
                                           LimitedAllocator::Refusal::kBadAlloc));

TEST_F(AutoMicrobatch, ANumberEndsTheRunWhereMemoryDoesNotSuffice) {
  const auto trainer = create(fresh<FailingModel>(8, above(4)));
  const absl::Status status = trainer->fit();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(trainer->state().device_train_microbatch_size, 8);
}

TEST_F(AutoMicrobatch, TakesTheWholeBatchWhereMemorySuffices) {
  const auto found = fitted(fresh<NoisyNet>(kAutoMicrobatchSize));
  EXPECT_EQ(found->state().device_train_microbatch_size, 0);
  expect_same(*found, *fitted(fresh<NoisyNet>(0)));
}

TEST_F(AutoMicrobatch, HalvesRoundingUp) {
  for (const auto& [limit, size] : {std::pair(15, 8), {7, 4}, {3, 2}, {1, 1}}) {
    const auto trainer = fitted(fresh<FailingModel>(kAutoMicrobatchSize, above(limit)));
    EXPECT_EQ(trainer->state().device_train_microbatch_size, size);
  }
  TrainerOptions options = fresh<FailingModel>(kAutoMicrobatchSize, above(6));
  options.train = std::make_shared<TinyLoader>(13, 13);
  EXPECT_EQ(fitted(std::move(options))->state().device_train_microbatch_size, 4);  // 13, 7
}

// Sets the size before evaluation number `when`, by hand.
class SetSize final : public Callback {
 public:
  SetSize(int64_t when, int64_t size) : when_(when), size_(size) {}
  void before_train_batch(State& state, Logger&) override {
    if (seen_++ == when_) state.device_train_microbatch_size = size_;
  }

 private:
  const int64_t when_, size_;
  int64_t seen_ = 0;
};

TEST_F(AutoMicrobatch, FindsASmallerSizeInTheMiddleOfARun) {
  // The second batch fails, at its first forward.
  const auto found = fitted(fresh<FailingModel>(
      kAutoMicrobatchSize, [](int64_t, int64_t forward) { return forward == 1; }));
  TrainerOptions options = fresh<FailingModel>(0, above(kBatchSize));
  options.callbacks.push_back(std::make_unique<SetSize>(1, 8));
  StateDict expected = trained(*fitted(std::move(options)));
  StateDict state = trained(*found);
  EXPECT_EQ(found->state().device_train_microbatch_size, 8);
  state.set("callbacks", StateDict());
  expected.set("callbacks", StateDict());
  EXPECT_EQ(state.first_difference(expected), "");
}

// An optimizer that asks for the loss several times: only the evaluation that fails is repeated.
TEST_F(AutoMicrobatch, RepeatsOneEvaluationOfALossThatIsAskedForOften) {
  const auto with_lbfgs = [](TrainerOptions options) {
    options.optimizers = {lbfgs({.lr = 0.1, .max_iter = 4})};
    return options;
  };
  const auto model = [](int64_t fails_at) {
    return [fails_at](int64_t, int64_t forward) { return forward == fails_at; };
  };
  for (const int64_t evaluation : {0, 1, 2}) {
    const auto found =
        fitted(with_lbfgs(fresh<FailingModel>(kAutoMicrobatchSize, model(evaluation))));
    TrainerOptions options = with_lbfgs(fresh<FailingModel>(0, model(-1)));
    options.callbacks.push_back(std::make_unique<SetSize>(evaluation, 8));
    const auto expected = fitted(std::move(options));
    EXPECT_EQ(found->state().device_train_microbatch_size, 8);
    for (const char* part : {"model", "optimizers", "generators"}) {
      EXPECT_EQ((*trained(*found).child(part))->first_difference(**trained(*expected).child(part)),
                "")
          << part << ", evaluation " << evaluation;
    }
  }
}

TEST_F(AutoMicrobatch, LeavesNothingOfAFailedAttempt) {
  // What the state is when the attempt is repeated.
  class Looker final : public Callback {
   public:
    void before_train_batch(State& state, Logger&) override {
      ++calls;
      EXPECT_TRUE(state.outputs.empty() || state.timestamp.batch > 0);
      EXPECT_EQ(state.microbatch, 0);
      EXPECT_EQ(state.batch.num_samples(), kBatchSize);
      EXPECT_TRUE(state.step_checks.empty());
      for (const at::Tensor& parameter : state.model->parameters()) {
        EXPECT_FALSE(parameter.grad().defined());
      }
    }
    int calls = 0;
  };
  TrainerOptions options = fresh<FailingModel>(kAutoMicrobatchSize, [](int64_t, int64_t forward) {
    return forward == 0 || forward == 2;  // the second one in the second microbatch
  });
  options.max_duration = "1ba";
  auto owned = std::make_unique<Looker>();
  const Looker& looker = *owned;
  options.callbacks.push_back(std::move(owned));
  const auto trainer = fitted(std::move(options));
  EXPECT_EQ(looker.calls, 3);
  EXPECT_EQ(trainer->state().device_train_microbatch_size, 4);
}

TEST_F(AutoMicrobatch, SaysWhatIsMissingWhereOneSampleIsTooMuch) {
  const auto trainer = create(fresh<FailingModel>(kAutoMicrobatchSize, above(0)));
  const absl::Status status = trainer->fit();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  for (const char* part : {"not enough memory to train on even one sample of train batch 0, input "
                           "[16, 4], target [16]",
                           "the model's forward", "there is no more", "a smaller model"}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << part << "\n" << status;
  }
}

TEST_F(AutoMicrobatch, OtherErrorsEndTheRunAsTheyDo) {
  class Broken final : public TinyModel {
    Outputs forward(const Batch&) override { TORCH_CHECK_VALUE(false, "broken"); }
  };
  const auto trainer = create(fresh<Broken>(kAutoMicrobatchSize));
  EXPECT_EQ(trainer->fit().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(trainer->state().device_train_microbatch_size, 0);
}

TEST_F(AutoMicrobatch, RefusesModelsThatUpdateThemselvesBeforeTheyDo) {
  class Own final : public TinyModel {
   public:
    explicit Own(bool by_step) : by_step_(by_step) {}
    Loss train_step(TrainStep& step) override {
      step.forward();
      step.backward(step.loss().total());
      if (by_step_) step.update(step.optimizer(0));
      return {};
    }

   private:
    const bool by_step_;
  };
  for (const bool by_step : {true, false}) {
    const auto trainer = create(fresh<Own>(kAutoMicrobatchSize, by_step));
    const StateDict before = trained(*trainer);
    const absl::Status status = trainer->fit();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("give a number of samples"), std::string::npos) << status;
    EXPECT_EQ((*trained(*trainer).child("model"))->first_difference(**before.child("model")), "");
    fitted(fresh<Own>(8, by_step));
  }
}

TEST_F(AutoMicrobatch, TheSizeStaysForMoreOfTheSameDataAndGoesOnFromASnapshot) {
  const auto trainer = fitted(fresh<FailingModel>(kAutoMicrobatchSize, above(4)));
  ASSERT_TRUE(trainer->fit({.duration = "1ep"}).ok());
  EXPECT_EQ(trainer->state().device_train_microbatch_size, 4);

  TrainerOptions options = fresh<FailingModel>(kAutoMicrobatchSize, above(kBatchSize));
  const auto resumed = create(std::move(options));
  ASSERT_TRUE(resumed->load_state_dict(trainer->state_dict()).ok());
  EXPECT_EQ(resumed->state().device_train_microbatch_size, 4);
  // A number is what the run says.
  const auto fixed = create(fresh<FailingModel>(2, above(kBatchSize)));
  ASSERT_TRUE(fixed->load_state_dict(trainer->state_dict()).ok());
  EXPECT_EQ(fixed->state().device_train_microbatch_size, 2);

  // Other data are tried whole.
  ASSERT_TRUE(resumed->fit({.duration = "1ep", .train = std::make_shared<TinyLoader>(8, 8)}).ok());
  EXPECT_EQ(resumed->state().device_train_microbatch_size, 0);
}

TEST_F(AutoMicrobatch, LeavesEvaluationWhole) {
  class EvalSizes final : public Callback {
   public:
    void eval_batch_start(State& state, Logger&) override {
      EXPECT_EQ(state.batch.num_samples(), kBatchSize);
      ++calls;
    }
    int calls = 0;
  };
  TrainerOptions options = fresh<FailingModel>(kAutoMicrobatchSize, above(2));
  options.evaluators = {{.data = std::make_shared<TinyLoader>(kBatchSize, kBatchSize, 9)}};
  auto owned = std::make_unique<EvalSizes>();
  const EvalSizes& sizes = *owned;
  options.callbacks.push_back(std::move(owned));
  fitted(std::move(options));
  EXPECT_EQ(sizes.calls, 2);
}

TEST_F(AutoMicrobatch, SizesBelowAreRefused) {
  const auto trainer = Trainer::create(fresh<TinyModel>(-2));
  EXPECT_EQ(trainer.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace composer
