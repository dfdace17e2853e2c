#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/core/snapshot.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::plain_sgd;
using testing::PlainSgd;
using ::testing::Test;
using testing::TinyLoader;
using testing::TinyModel;

TrainerOptions tiny_options(const std::string& max_duration, int64_t samples = 10,
                            int64_t batch_size = 4) {
  seed_everything(3);
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(samples, batch_size);
  options.max_duration = max_duration;
  options.optimizers = {plain_sgd(0.5)};
  return options;
}

std::unique_ptr<Trainer> create(TrainerOptions options) {
  absl::StatusOr<std::unique_ptr<Trainer>> trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return trainer.ok() ? *std::move(trainer) : nullptr;
}

at::Tensor weight(const Trainer& trainer) {
  return dynamic_cast<const TinyModel&>(*trainer.state().model).weight.detach().clone();
}

// What a callback does, in a lambda.
class OnBatchEnd final : public Callback {
 public:
  explicit OnBatchEnd(std::function<void(State&)> action) : action_(std::move(action)) {}
  void batch_end(State& state, Logger& logger) override { action_(state); }

 private:
  std::function<void(State&)> action_;
};

TEST(Fit, EqualsALoopWrittenByHand) {
  const auto trainer = create(tiny_options("2ep"));
  ASSERT_TRUE(trainer->fit().ok());

  seed_everything(3);
  TinyModel model;
  TinyLoader loader(10, 4);
  for (int epoch = 0; epoch < 2; ++epoch) {
    loader.seek(epoch, 0);
    while (const std::optional<Batch> batch = loader.next()) {
      model.zero_grad();
      model.loss(model.forward(*batch), *batch).total().backward();
      const at::NoGradGuard no_grad;
      model.weight.sub_(model.weight.grad(), 0.5);
    }
  }
  EXPECT_TRUE(at::equal(weight(*trainer), model.weight.detach()));
}

TEST(Fit, StopsWhereEachUnitSays) {
  struct Case {
    const char* duration;
    int64_t epoch, batch, sample;
  };
  // Ten samples in batches of 4, 4 and 2.
  for (const Case& c : {Case{"2ep", 2, 6, 20}, Case{"4ba", 1, 4, 14}, Case{"3ba", 1, 3, 10},
                        Case{"13sp", 1, 4, 14}, Case{"1sp", 0, 1, 4}}) {
    const auto trainer = create(tiny_options(c.duration));
    ASSERT_TRUE(trainer->fit().ok());
    const Timestamp& t = trainer->state().timestamp;
    EXPECT_EQ(t.epoch, c.epoch) << c.duration;
    EXPECT_EQ(t.batch, c.batch) << c.duration;
    EXPECT_EQ(t.sample, c.sample) << c.duration;
  }
}

TEST(Fit, TokensCountAsADuration) {
  class TokenLoader final : public DataLoader {
   public:
    int64_t batch_size() const override { return 2; }
    std::optional<int64_t> batches_per_epoch() const override { return {}; }
    void seek(int64_t, int64_t) override {}
    std::optional<Batch> next() override {
      return Batch{{"input_ids", at::zeros({2, 8}, at::kLong)},
                   {"input", at::ones({2, 4})},
                   {"target", at::zeros({2}, at::kLong)}};
    }
  };
  TrainerOptions options = tiny_options("33tok");
  options.train = std::make_shared<TokenLoader>();
  const auto trainer = create(std::move(options));
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(trainer->state().timestamp.batch, 3);
  EXPECT_EQ(trainer->state().timestamp.token, 48);
}

TEST(Fit, GoesOnWithMoreDurationAndAfterAStopInsideAnEpoch) {
  const auto whole = create(tiny_options("7ba"));
  ASSERT_TRUE(whole->fit().ok());

  const auto parts = create(tiny_options("2ba"));
  ASSERT_TRUE(parts->fit().ok());
  ASSERT_TRUE(parts->fit({.duration = "3ba"}).ok());
  ASSERT_TRUE(parts->fit({.duration = "2ba"}).ok());
  EXPECT_EQ(parts->state().timestamp.batch, 7);
  EXPECT_EQ(parts->state().timestamp.epoch, 2);
  EXPECT_TRUE(at::equal(weight(*parts), weight(*whole)));
}

TEST(Fit, ResetTimeStartsTheClockAgain) {
  const auto trainer = create(tiny_options("1ep"));
  ASSERT_TRUE(trainer->fit().ok());
  ASSERT_TRUE(trainer->fit({.reset_time = true}).ok());
  EXPECT_EQ(trainer->state().timestamp.epoch, 1);
  EXPECT_EQ(trainer->state().timestamp.batch, 3);
}

TEST(Fit, RefusesWhenThereIsNothingToDoAndSaysWhatWould) {
  const auto trainer = create(tiny_options("1ep"));
  ASSERT_TRUE(trainer->fit().ok());
  const absl::Status again = trainer->fit();
  EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(again.message(),
            "there is nothing to train: max_duration is 1ep and training is at 1ep, 3ba; give fit "
            "a duration (FitOptions::duration) or reset_time");

  TrainerOptions no_duration = tiny_options("");
  EXPECT_EQ(create(std::move(no_duration))->fit().code(), absl::StatusCode::kFailedPrecondition);
  TrainerOptions no_data = tiny_options("1ep");
  no_data.train = nullptr;
  EXPECT_EQ(create(std::move(no_data))->fit().code(), absl::StatusCode::kFailedPrecondition);
  TrainerOptions no_optimizer = tiny_options("1ep");
  no_optimizer.optimizers.clear();
  EXPECT_EQ(create(std::move(no_optimizer))->fit().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Fit, RefusesBadDurations) {
  for (const char* text : {"10 epochs", "5", "-1ep", "1.5ba", "0ep", "1dur"}) {
    const auto trainer = Trainer::create(tiny_options(text));
    EXPECT_EQ(trainer.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Fit, TheTrainLoaderMayBeGivenToFit) {
  TrainerOptions options = tiny_options("1ep");
  const std::shared_ptr<DataLoader> loader = options.train;
  options.train = nullptr;
  const auto late = create(std::move(options));
  ASSERT_TRUE(late->fit({.train = loader}).ok());
  const auto early = create(tiny_options("1ep"));
  ASSERT_TRUE(early->fit().ok());
  EXPECT_TRUE(at::equal(weight(*late), weight(*early)));
}

TEST(Fit, ALoaderWithoutBatchesEndsTheRun) {
  TrainerOptions options = tiny_options("5ba");
  options.train = std::make_shared<TinyLoader>(/*samples=*/0, /*batch_size=*/4);
  const auto trainer = create(std::move(options));
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(trainer->state().timestamp.batch, 0);
  EXPECT_EQ(trainer->state().timestamp.epoch, 0);
}

TEST(Fit, ASubsetLimitsTheEpoch) {
  TrainerOptions options = tiny_options("2ep");
  options.train_subset_num_batches = 2;
  const auto trainer = create(std::move(options));
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(trainer->state().timestamp.batch, 4);
}

TEST(Fit, MicrobatchesGiveTheGradientOfTheWholeBatch) {
  const auto whole = create(tiny_options("3ba"));
  ASSERT_TRUE(whole->fit().ok());
  for (const int64_t size : {1, 2, 3}) {
    TrainerOptions options = tiny_options("3ba");
    options.device_train_microbatch_size = size;
    const auto trainer = create(std::move(options));
    ASSERT_TRUE(trainer->fit().ok());
    EXPECT_TRUE(at::allclose(weight(*trainer), weight(*whole), 1e-6, 1e-7)) << size;
  }
}

TEST(Fit, ACallbackStopsTheRunAndFitGoesOnAfterwards) {
  TrainerOptions options = tiny_options("5ep");
  options.callbacks.push_back(std::make_unique<OnBatchEnd>([](State& state) {
    if (state.timestamp.batch == 4) state.stop_training("enough");
  }));
  const auto trainer = create(std::move(options));
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(trainer->state().timestamp.batch, 4);
  EXPECT_EQ(trainer->state().stop_reason, "enough");
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(trainer->state().timestamp.epoch, 5);
  EXPECT_FALSE(trainer->state().stop_requested());
}

TEST(Fit, TrainsTheFirstStepAtTheFirstValueOfTheSchedule) {
  // Falls from 1 by a quarter of the run's fraction.
  class Falling final : public Scheduler {
   public:
    double multiplier(const ScheduleClock& clock) const override {
      return 1 - clock.elapsed_fraction();
    }
  };
  TrainerOptions options = tiny_options("2ep", /*samples=*/8, /*batch_size=*/4);
  options.schedulers.push_back(std::make_unique<Falling>());
  std::vector<double>* used = nullptr;
  options.optimizers = {
      [&](std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
        auto sgd = std::make_unique<PlainSgd>(std::move(parameters), 0.5);
        used = &sgd->used;
        return sgd;
      }};
  const auto trainer = create(std::move(options));
  ASSERT_TRUE(trainer->fit().ok());
  // A duration in epochs moves inside the epochs.
  EXPECT_EQ(*used, (std::vector<double>{0.5, 0.375, 0.25, 0.125}));
}

TEST(Fit, AnOptimizerMayComputeTheLossTwice) {
  // Sees the same loss twice, random algorithms included, and updates once.
  class Twice final : public Optimizer {
   public:
    explicit Twice(std::vector<NamedParameter> parameters) : plain_(std::move(parameters), 0.5) {}
    at::Tensor step(const LossClosure& closure) override {
      const at::Tensor first = closure();
      const at::Tensor second = closure();
      EXPECT_TRUE(at::equal(first, second));
      update();
      return second;
    }
    bool evaluates_loss_repeatedly() const override { return true; }
    std::vector<ParameterGroup>& groups() override { return plain_.groups(); }

   private:
    void update_parameters() override { plain_.update(); }

    PlainSgd plain_;
  };
  // Noise on the input, from the state's generator.
  class Noise final : public Algorithm {
   public:
    AlgorithmTraits traits() const override { return {.events = {Event::kBeforeForward}}; }
    bool match(Event event, const State& state) const override { return true; }
    void apply(Event event, State& state, Logger& logger) override {
      const at::Tensor& input = state.batch.at("input");
      state.batch.set("input", input + at::randn(input.sizes(), state.generator(name())));
    }
  };
  TrainerOptions options = tiny_options("1ep");
  options.algorithms.push_back(std::make_unique<Noise>());
  options.optimizers = {
      [](std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
        return std::make_unique<Twice>(std::move(parameters));
      }};
  const auto trainer = create(std::move(options));
  ASSERT_TRUE(trainer->fit().ok());

  TrainerOptions two = tiny_options("1ep");
  const OptimizerFactory twice =
      [](std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
    return std::make_unique<Twice>(std::move(parameters));
  };
  two.optimizers = {plain_sgd(0.1), twice};
  EXPECT_EQ(Trainer::create(std::move(two)).status().message(),
            "optimizer 1 computes the loss repeatedly, so it must be the only optimizer");
}

TEST(Fit, RefusesAParameterOfTwoOptimizers) {
  TrainerOptions options = tiny_options("1ep");
  options.optimizers = {plain_sgd(0.1), plain_sgd(0.1)};
  EXPECT_EQ(Trainer::create(std::move(options)).status().message(),
            "parameter \"weight\" belongs to optimizers 0 and 1");
}

TEST(Fit, AModelWithAnEmptyLossUpdatesItself) {
  class Manual final : public TinyModel {
   public:
    Loss train_step(TrainStep& step) override {
      step.forward();
      const Loss loss = step.loss();
      step.backward(loss.total());
      step.update(step.optimizer(0));
      return {};
    }
  };
  std::vector<std::string> events;
  TrainerOptions options = tiny_options("2ba");
  seed_everything(3);
  options.model = std::make_shared<Manual>();
  options.callbacks.push_back(std::make_unique<testing::EventRecorder>(&events));
  const auto manual = create(std::move(options));
  ASSERT_TRUE(manual->fit().ok());
  for (const char* skipped : {"before_backward", "after_backward", "after_train_batch"}) {
    EXPECT_EQ(std::count(events.begin(), events.end(), skipped), 0) << skipped;
  }
  EXPECT_EQ(std::count(events.begin(), events.end(), "before_loss"), 2);
  EXPECT_EQ(manual->state().timestamp.batch, 2);

  const auto automatic = create(tiny_options("2ba"));
  ASSERT_TRUE(automatic->fit().ok());
  EXPECT_TRUE(at::equal(weight(*manual), weight(*automatic)));
}

TEST(Fit, AFailureNamesWhoWhereAndWhichBatch) {
  class Broken final : public Algorithm {
   public:
    AlgorithmTraits traits() const override { return {.events = {Event::kBeforeLoss}}; }
    bool match(Event event, const State& state) const override {
      return state.timestamp.batch == 1;
    }
    void apply(Event event, State& state, Logger& logger) override { state.batch.at("labels"); }
  };
  TrainerOptions options = tiny_options("1ep");
  options.algorithms.push_back(std::make_unique<Broken>());
  const absl::Status status = create(std::move(options))->fit();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "Broken at before_loss, batch 1: there is no tensor \"labels\"; there are input, "
            "target");
}

TEST(Fit, AFailureOfTheModelNamesItsPartAndTheBatch) {
  class Narrow final : public TinyModel {
   public:
    Outputs forward(const Batch& batch) override {
      return {{"logits", at::linear(batch.at("input").narrow(1, 0, 3), weight)}};
    }
  };
  TrainerOptions options = tiny_options("1ep");
  options.model = std::make_shared<Narrow>();
  const std::string message(create(std::move(options))->fit().message());
  EXPECT_EQ(message.substr(0, message.find(": ")),
            "the model's forward, train batch 0, input [4, 4], target [4]");
}

TEST(Fit, ADurationInSecondsSaysThatItsResumeIsNotExact) {
  struct Sink final : google::LogSink {
    void send(google::LogSeverity, const char*, const char*, int, const google::LogMessageTime&,
              const char* message, size_t length) override {
      text.append(message, length);
    }
    std::string text;
  };
  Sink sink;
  google::AddLogSink(&sink);
  const auto trainer = create(tiny_options("1s"));
  google::RemoveLogSink(&sink);
  EXPECT_EQ(sink.text,
            "max_duration is \"1s\", a wall-clock time: where training ends depends on the "
            "machine, and a resumed run is not bit-exact");
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_GE(trainer->state().timestamp.total_wct, absl::Seconds(1));
}

TEST(Fit, PoliciesOfTheStepAreAsked) {
  struct Doubling final : GradScaler {
    at::Tensor scale(const at::Tensor& loss) override { return loss * 2; }
    at::Tensor unscale(Optimizer& optimizer) override {
      for (ParameterGroup& group : optimizer.groups()) {
        for (NamedParameter& parameter : group.parameters) {
          parameter.tensor.mutable_grad().mul_(0.5);
        }
      }
      return {};
    }
  };
  struct Counting final : GradientReducer {
    explicit Counting(std::vector<bool>* calls) : calls(calls) {}
    void prepare(bool last) override { calls->push_back(last); }
    void finish(absl::Span<const std::unique_ptr<Optimizer>> optimizers) override { ++finished; }
    std::vector<bool>* calls;
    int finished = 0;
  };
  std::vector<bool> calls;
  TrainerOptions options = tiny_options("1ba");
  options.device_train_microbatch_size = 2;
  options.grad_scaler = std::make_unique<Doubling>();
  options.gradient_reducer = std::make_unique<Counting>(&calls);
  const auto scaled = create(std::move(options));
  ASSERT_TRUE(scaled->fit().ok());
  EXPECT_EQ(calls, (std::vector<bool>{false, true}));
  const auto plain = create(tiny_options("1ba"));
  ASSERT_TRUE(plain->fit().ok());
  EXPECT_TRUE(at::allclose(weight(*scaled), weight(*plain), 1e-6, 1e-7));
}

TEST(Fit, ASnapshotAtAnyBatchGoesOnWithTheSameBits) {
  const auto whole = create(tiny_options("3ep"));
  ASSERT_TRUE(whole->fit().ok());
  for (const int64_t batch : {1, 2, 3, 4, 8}) {
    StateDict saved;
    TrainerOptions options = tiny_options("3ep");
    options.callbacks.push_back(std::make_unique<OnBatchEnd>([&](State& state) {
      if (state.timestamp.batch == batch) saved = snapshot(state);
    }));
    ASSERT_TRUE(create(std::move(options))->fit().ok());

    TrainerOptions fresh = tiny_options("3ep");
    seed_everything(99);
    fresh.model = std::make_shared<TinyModel>();
    fresh.callbacks.push_back(std::make_unique<OnBatchEnd>([](State&) {}));
    const auto resumed = create(std::move(fresh));
    const absl::Status loaded = resumed->load_state_dict(saved);
    ASSERT_TRUE(loaded.ok()) << loaded;
    EXPECT_EQ(resumed->state().timestamp.batch, batch);
    ASSERT_TRUE(resumed->fit().ok());
    EXPECT_TRUE(at::equal(weight(*resumed), weight(*whole))) << batch;
    EXPECT_EQ(resumed->state().timestamp.batch, 9);
  }
}

TEST(Fit, DeterministicModeRefusesWhatIsNot) {
  TrainerOptions options = tiny_options("1ba");
  options.deterministic = true;
  create(std::move(options));
  EXPECT_THROW(at::ones({4}).put_(at::zeros({2}, at::kLong), at::ones({2})), c10::Error);
  apply_process_settings({});
  EXPECT_NO_THROW(at::ones({4}).put_(at::zeros({2}, at::kLong), at::ones({2})));
}

TEST(Threads, FollowFromSizes) {
  EXPECT_EQ(threads_for(8, 32, 2762, 2), 1);           // the 32-64-10 MLP
  EXPECT_EQ(threads_for(128, 784, 669706, 2), 2);      // the 784-512-512-10 MLP
  EXPECT_EQ(threads_for(128, 784, 94000, 16), 16);     // a small convolutional net
  EXPECT_EQ(threads_for(1 << 20, 784, 669706, 0), 1);  // an unknown machine
}

}  // namespace
}  // namespace composer
