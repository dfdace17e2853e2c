// What every algorithm in the registry must hold. A new one is found by itself; one with required
// fields, or whose defaults do nothing in two steps, needs a line in subject.cc.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/conformance/subject.h"
#include "tests/testing/registered.h"
#include "tests/testing/resume.h"

namespace composer {
namespace {

using testing::SampleLoader;
using testing::Samples;
using testing::Subject;
using testing::subject_of;
using testing::SubjectModel;
using testing::trained;

struct Case {
  std::string config;
  std::string settings;

  friend std::ostream& operator<<(std::ostream& out, const Case& algorithm) {
    return out << algorithm.config << " { " << algorithm.settings << " }";
  }
};

// Those whose steps may end with the bits of a step without them: a layout of memory.
bool may_leave_the_numbers(const std::string& config) {
  return config == "composer.config.ChannelsLast";
}

// Those after which the model is not the one that the test watches.
bool replaces_the_model(const std::string& config) { return config == "composer.config.NoOpModel"; }

std::vector<Case> cases() {
  std::vector<Case> cases;
  for (const std::string& config : Registry<Algorithm>::global().names()) {
    for (const std::string& settings : subject_of(config).settings) {
      cases.push_back({config, settings});
    }
  }
  return cases;
}

absl::StatusOr<std::unique_ptr<Algorithm>> make(const Case& algorithm) {
  return testing::make_registered<Algorithm>(algorithm.config, algorithm.settings);
}

// Has memory to train on two samples; with more it fails at one place of a step.
class SmallMemoryModel final : public SubjectModel {
 public:
  enum class Fails { kInForward, kInLoss, kInBackward };
  SmallMemoryModel(const Subject& subject, Fails fails) : SubjectModel(subject), fails_(fails) {}

  Outputs forward(const Batch& batch) override {
    Outputs outputs = SubjectModel::forward(batch);
    if (too_many(batch, Fails::kInForward)) fail();
    if (too_many(batch, Fails::kInBackward)) {
      outputs.at("logits").register_hook([](const at::Tensor&) { fail(); });
    }
    return outputs;
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    if (too_many(batch, Fails::kInLoss)) fail();
    return SubjectModel::loss(outputs, batch);
  }

 private:
  static void fail() { TORCH_CHECK_WITH(OutOfMemoryError, false, "there is no more"); }
  bool too_many(const Batch& batch, Fails place) const {
    return is_training() && fails_ == place && batch.num_samples() > 2;
  }

  const Fails fails_;
};

constexpr int64_t kBatchSize = 6;

struct Setup {
  const Case* algorithm = nullptr;                 // none when null
  Subject subject = {};                            // of the algorithm where there is one
  std::shared_ptr<ComposerModel> model = nullptr;  // a SubjectModel when null
  int64_t microbatch_size = 0;
  std::optional<Precision> precision = {};  // the subject's when not set
  std::string max_duration = "2ba";
  uint64_t seed = 5;
  std::vector<std::unique_ptr<Callback>> callbacks = {};
  std::optional<SmallMemoryModel::Fails> fails = {};
};

TrainerOptions options_of(Setup setup) {
  if (setup.algorithm != nullptr) setup.subject = subject_of(setup.algorithm->config);
  const Samples samples = setup.subject.samples;
  TrainerOptions options;
  seed_everything(setup.seed);
  if (setup.model) {
    options.model = setup.model;
  } else if (setup.fails) {
    options.model = std::make_shared<SmallMemoryModel>(setup.subject, *setup.fails);
  } else {
    options.model = std::make_shared<SubjectModel>(setup.subject);
  }
  options.train = std::make_shared<SampleLoader>(samples, 4 * kBatchSize, kBatchSize);
  options.evaluators = {
      {.data = std::make_shared<SampleLoader>(samples, 2 * kBatchSize, kBatchSize, 9)}};
  options.max_duration = setup.max_duration;
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.device_train_microbatch_size = setup.microbatch_size;
  options.precision = setup.precision.value_or(setup.subject.precision);
  options.allow_slow_precision = true;
  options.seed = setup.seed;
  options.callbacks = std::move(setup.callbacks);
  if (setup.algorithm != nullptr) {
    auto algorithm = make(*setup.algorithm);
    EXPECT_TRUE(algorithm.ok()) << algorithm.status() << "; give its required fields in subject.cc";
    if (algorithm.ok()) options.algorithms.push_back(*std::move(algorithm));
  }
  return options;
}

std::unique_ptr<Trainer> make_trainer(Setup setup) {
  auto trainer = Trainer::create(options_of(std::move(setup)));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return trainer.ok() ? *std::move(trainer) : nullptr;
}

void fit(Trainer& trainer) {
  const absl::Status status = trainer.fit();
  ASSERT_TRUE(status.ok()) << status;
}

void expect_finite(const Trainer& trainer) {
  for (const auto& parameter : trainer.state().model->named_parameters()) {
    EXPECT_TRUE(at::isfinite(parameter.value()).all().item<bool>()) << parameter.key();
  }
}

bool same_tensors(const TensorDict& a, const TensorDict& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.dtype() == y.second.dtype() &&
           at::equal(x.second, y.second);
  });
}

Batch cloned(const Batch& batch) {
  Batch copy;
  for (const auto& [name, tensor] : batch) copy.set(name, tensor.clone());
  return copy;
}

class AlgorithmConformance : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_P(AlgorithmConformance, SaysWhatItIs) {
  const auto algorithm = make(GetParam());
  ASSERT_TRUE(algorithm.ok()) << algorithm.status() << "; give its required fields in subject.cc";
  const AlgorithmTraits traits = (*algorithm)->traits();
  EXPECT_FALSE(traits.events.empty());
  EXPECT_TRUE(std::is_sorted(traits.events.begin(), traits.events.end()));
  EXPECT_FALSE(traits.paper.empty());
  // What `list` shows, and what messages name.
  EXPECT_EQ((*algorithm)->name(), GetParam().config.substr(GetParam().config.rfind('.') + 1));
}

TEST_P(AlgorithmConformance, ActsInTwoStepsAndTheModelLearns) {
  const auto trainer = make_trainer({.algorithm = &GetParam()});
  ASSERT_NE(trainer, nullptr);
  const StateDict before = trained(*trainer);
  fit(*trainer);
  const StateDict after = trained(*trainer);
  EXPECT_FALSE((*before.child("model"))->identical(**after.child("model")));
  expect_finite(*trainer);
  // It makes a difference.
  const auto without = make_trainer({.subject = subject_of(GetParam().config)});
  fit(*without);
  EXPECT_TRUE(may_leave_the_numbers(GetParam().config) ||
              !(*after.child("model"))->identical(**trained(*without).child("model")));
  SampleLoader data(subject_of(GetParam().config).samples, kBatchSize, kBatchSize, 9);
  ASSERT_TRUE(trainer->predict(data).ok());
  // And it acted at every event that it declares.
  for (const Event event : trainer->state().algorithms.front()->traits().events) {
    const auto timing =
        trainer->engine().timings().find({trainer->state().algorithms.front().get(), event});
    EXPECT_NE(timing, trainer->engine().timings().end()) << event_name(event);
  }
}

TEST_P(AlgorithmConformance, TheSameSeedGivesTheSameBits) {
  const auto one = make_trainer({.algorithm = &GetParam()});
  ASSERT_NE(one, nullptr);
  fit(*one);
  const auto other = make_trainer({.algorithm = &GetParam()});
  fit(*other);
  EXPECT_EQ(trained(*one).first_difference(trained(*other)), "");
}

// Looks at the batch through the events of a step.
class BatchWatcher : public Callback {
 public:
  void after_dataloader(State& state, Logger&) override { found_ = cloned(state.batch); }
  void after_backward(State& state, Logger&) override {
    const int64_t size = state.device_train_microbatch_size;
    const Batch part = size > 0 ? found_.split(size)[state.microbatch] : found_;
    EXPECT_TRUE(same_tensors(state.batch, part)) << "microbatch " << state.microbatch;
    ++microbatches;
  }
  void batch_end(State& state, Logger&) override {
    EXPECT_TRUE(same_tensors(state.batch, found_)) << "batch " << state.timestamp.batch;
  }

  static inline int microbatches = 0;

 private:
  Batch found_;
};

TEST_P(AlgorithmConformance, LeavesBatchesAsItFoundThemInMicrobatchesToo) {
  for (const int64_t microbatch_size : {0, 2, 1}) {
    std::vector<std::unique_ptr<Callback>> callbacks;
    callbacks.push_back(std::make_unique<BatchWatcher>());
    BatchWatcher::microbatches = 0;
    const auto trainer = make_trainer({.algorithm = &GetParam(),
                                       .microbatch_size = microbatch_size,
                                       .callbacks = std::move(callbacks)});
    ASSERT_NE(trainer, nullptr);
    fit(*trainer);
    EXPECT_GE(BatchWatcher::microbatches, microbatch_size == 1 ? 6 : 2);
    expect_finite(*trainer);
  }
}

// A loader that keeps what it gives.
class KeepingLoader final : public DataLoader, public ImageLoader {
 public:
  explicit KeepingLoader(Samples samples) : loader_(samples, 2 * kBatchSize, kBatchSize) {}
  int64_t batch_size() const override { return loader_.batch_size(); }
  std::optional<int64_t> batches_per_epoch() const override { return loader_.batches_per_epoch(); }
  void seek(int64_t epoch, int64_t batch) override { loader_.seek(epoch, batch); }
  std::optional<Batch> next() override {
    std::optional<Batch> batch = loader_.next();
    if (batch) given.push_back({*batch, cloned(*batch)});
    return batch;
  }
  absl::Status add_transform(std::shared_ptr<const ByteTransform> transform) override {
    return loader_.add_transform(std::move(transform));
  }

  std::vector<std::pair<Batch, Batch>> given;

 private:
  SampleLoader loader_;
};

TEST_P(AlgorithmConformance, WritesIntoNoTensorOfTheLoader) {
  const auto trainer = make_trainer({.algorithm = &GetParam(), .microbatch_size = 2});
  ASSERT_NE(trainer, nullptr);
  const auto loader = std::make_shared<KeepingLoader>(subject_of(GetParam().config).samples);
  ASSERT_TRUE(trainer->fit({.train = loader}).ok());
  ASSERT_EQ(loader->given.size(), 2u);
  for (const auto& [batch, copy] : loader->given) EXPECT_TRUE(same_tensors(batch, copy));
}

// Asks every algorithm at every event, more often than the engine does.
class Asker : public Callback {
 public:
  void run_event(Event event, State& state, Logger&) override {
    for (const auto& algorithm : state.algorithms) {
      const std::vector<Event> declared = algorithm->traits().events;
      const bool is_declared = std::find(declared.begin(), declared.end(), event) != declared.end();
      const StateDict before = algorithm->state_dict().cloned();
      const size_t streams = state.streams.size();
      const bool first = algorithm->match(event, state);
      EXPECT_EQ(algorithm->match(event, state), first) << event_name(event);
      EXPECT_TRUE(is_declared || !first) << event_name(event) << " is not declared";
      EXPECT_EQ(algorithm->state_dict().first_difference(before), "");
      EXPECT_EQ(state.streams.size(), streams) << "match drew random numbers";
    }
  }
};

TEST_P(AlgorithmConformance, MatchesOnlyDeclaredEventsAndAskingChangesNothing) {
  std::vector<std::unique_ptr<Callback>> callbacks;
  callbacks.push_back(std::make_unique<Asker>());
  const auto asked = make_trainer({.algorithm = &GetParam(), .callbacks = std::move(callbacks)});
  ASSERT_NE(asked, nullptr);
  fit(*asked);
  const auto quiet = make_trainer({.algorithm = &GetParam()});
  fit(*quiet);
  EXPECT_EQ((*trained(*asked).child("model"))->first_difference(**trained(*quiet).child("model")),
            "");
}

TEST_P(AlgorithmConformance, GoesOnFromACheckpointWithTheSameBits) {
  for (const int64_t microbatch_size : {0, 2}) {
    SCOPED_TRACE(absl::StrCat("microbatches of ", microbatch_size));
    testing::expect_exact_resume([&] {
      return options_of(
          {.algorithm = &GetParam(), .microbatch_size = microbatch_size, .max_duration = "2ep"});
    });
  }
}

// Notes under what it is called.
class WatchedModel final : public SubjectModel {
 public:
  explicit WatchedModel(const Subject& subject) : SubjectModel(subject, /*dropout=*/0) {}
  Outputs forward(const Batch& batch) override {
    watch();
    return SubjectModel::forward(batch);
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    watch();
    return SubjectModel::loss(outputs, batch);
  }
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override {
    watch();
    return SubjectModel::per_sample_loss(outputs, batch);
  }

  int calls = 0;

 private:
  void watch() {
    ++calls;
    EXPECT_TRUE(at::autocast::is_autocast_enabled(at::kCPU)) << "call " << calls;
  }
};

TEST_P(AlgorithmConformance, ComputesTheModelUnderTheRunsAutocast) {
  if (replaces_the_model(GetParam().config)) GTEST_SKIP() << "there is another model";
  const auto model = std::make_shared<WatchedModel>(subject_of(GetParam().config));
  const auto trainer = make_trainer({.algorithm = &GetParam(),
                                     .model = model,
                                     .microbatch_size = 2,
                                     .precision = Precision::kAmpBf16});
  ASSERT_NE(trainer, nullptr);
  fit(*trainer);
  EXPECT_GT(model->calls, 0);
  expect_finite(*trainer);
}

TEST_P(AlgorithmConformance, TrainsInPureBf16) {
  const auto trainer =
      make_trainer({.algorithm = &GetParam(), .microbatch_size = 2, .precision = Precision::kBf16});
  ASSERT_NE(trainer, nullptr);
  fit(*trainer);
  expect_finite(*trainer);
}

TEST_P(AlgorithmConformance, AStepThatRanOutOfMemoryLeavesNothingBehind) {
  if (replaces_the_model(GetParam().config)) GTEST_SKIP() << "there is another model";
  const auto expected = make_trainer({.algorithm = &GetParam(), .microbatch_size = 2});
  ASSERT_NE(expected, nullptr);
  fit(*expected);
  using Fails = SmallMemoryModel::Fails;
  for (const Fails fails : {Fails::kInForward, Fails::kInLoss, Fails::kInBackward}) {
    const auto repeated = make_trainer(
        {.algorithm = &GetParam(), .microbatch_size = kAutoMicrobatchSize, .fails = fails});
    fit(*repeated);
    EXPECT_EQ(trained(*repeated).first_difference(trained(*expected)), "");
  }
}

TEST_P(AlgorithmConformance, LeavesEvaluationAloneUnlessItChangesTheModel) {
  const auto with = make_trainer({.algorithm = &GetParam()});
  ASSERT_NE(with, nullptr);
  const std::vector<Event> events = with->state().algorithms.front()->traits().events;
  if (events.front() <= Event::kAfterLoad) {
    GTEST_SKIP() << "it changes the model";
  }
  const Samples samples = subject_of(GetParam().config).samples;
  const auto without = make_trainer({.subject = subject_of(GetParam().config)});
  const auto evaluate = [](Trainer& trainer) {
    auto metrics = trainer.eval();
    EXPECT_TRUE(metrics.ok()) << metrics.status();
    return metrics.ok() ? *metrics : std::map<std::string, MetricValues>();
  };
  EXPECT_EQ(evaluate(*with), evaluate(*without));

  SampleLoader data(samples, kBatchSize, kBatchSize, 9);
  const auto predicted = with->predict(data);
  const auto expected = without->predict(data);
  ASSERT_TRUE(predicted.ok() && expected.ok());
  EXPECT_TRUE(same_tensors(predicted->front(), expected->front()));

  // A trained model evaluates the same with the algorithm at hand as in a trainer without it.
  fit(*with);
  {
    const at::NoGradGuard no_grad;
    for (auto& parameter : without->state().model->named_parameters()) {
      parameter.value().copy_(with->state().model->named_parameters()[parameter.key()]);
    }
  }
  EXPECT_EQ(evaluate(*with), evaluate(*without));
}

INSTANTIATE_TEST_SUITE_P(Registered, AlgorithmConformance, ::testing::ValuesIn(cases()),
                         [](const auto& info) {
                           const std::vector<std::string> parts =
                               absl::StrSplit(info.param.config, '.');
                           return absl::StrCat(parts.back(), info.index);
                         });

TEST(Registry, HasTheAlgorithmsOfTheCatalogue) { EXPECT_GE(cases().size(), 20u); }

}  // namespace
}  // namespace composer
