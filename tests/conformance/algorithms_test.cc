// What every algorithm in the registry must hold. A new one is found by itself; one with required
// fields, or whose defaults do nothing in two steps, needs a line in `settings`.

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
#include "models/resnet.h"
#include "tests/testing/registered.h"
#include "tests/testing/resume.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::TinyLoader;
using testing::TinyModel;
using testing::trained;

struct Case {
  std::string config;
  std::string settings;

  friend std::ostream& operator<<(std::ostream& out, const Case& algorithm) {
    return out << algorithm.config << " { " << algorithm.settings << " }";
  }
};

// So that each algorithm acts within two steps; all ways in which it acts.
std::vector<std::string> settings(const std::string& config) {
  static const auto* const kSettings = new std::map<std::string, std::vector<std::string>>{
      {"composer.config.GradientClipping",
       {"clipping_type: NORM clipping_threshold: 0.01",
        "clipping_type: VALUE clipping_threshold: 0.01",
        "clipping_type: ADAPTIVE clipping_threshold: 0.01"}},
      {"composer.config.BlurPool",
       {"min_channels: 1", "min_channels: 1 blur_first: false replace_maxpools: false"}},
      {"composer.config.Factorize", {"min_channels: 4 latent_channels: 2 min_features: 4"}},
      {"composer.config.GhostBatchNorm", {"ghost_batch_size: 1"}},
      {"composer.config.SqueezeExcite", {"latent_channels: 2 min_channels: 4"}},
      {"composer.config.StochasticDepth",
       {"drop_rate: 0.9", "drop_rate: 0.9 drop_warmup: 0.1",
        "drop_rate: 0.6 stochastic_method: SAMPLE drop_distribution: UNIFORM"}},
      {"composer.config.MixUp", {"alpha: 1", "alpha: 1 interpolate_loss: true"}},
      {"composer.config.SelectiveBackprop", {"start: 0 end: 1 interrupt: 0"}},
  };
  const auto position = kSettings->find(config);
  return position == kSettings->end() ? std::vector<std::string>{""} : position->second;
}

std::vector<Case> cases() {
  std::vector<Case> cases;
  for (const std::string& config : Registry<Algorithm>::global().names()) {
    for (const std::string& setting : settings(config)) cases.push_back({config, setting});
  }
  return cases;
}

absl::StatusOr<std::unique_ptr<Algorithm>> make(const Case& algorithm) {
  return testing::make_registered<Algorithm>(algorithm.config, algorithm.settings);
}

// Draws from the default generator, as models do. On request it has layers of all kinds.
class DropoutModel : public TinyModel {
 public:
  explicit DropoutModel(bool layers = false) {
    if (!layers) return;
    net_ =
        register_module("net", std::make_shared<ResNet>(ResNetOptions{
                                   .blocks = {1}, .in_channels = 1, .width = 4, .num_classes = 4}));
  }

  Outputs forward(const Batch& batch) override {
    Batch dropped = batch;
    at::Tensor input = at::dropout(batch.at("input"), 0.3, is_training());
    if (net_) input = net_->logits(at::upsample_nearest2d(input.view({-1, 1, 2, 2}), {8, 8}));
    dropped.set("input", input);
    return TinyModel::forward(dropped);
  }

 private:
  std::shared_ptr<ResNet> net_;
};

bool changes_the_model(const Case& algorithm) {
  const auto made = make(algorithm);
  if (!made.ok()) return false;
  const std::vector<Event> events = (*made)->traits().events;
  return std::find(events.begin(), events.end(), Event::kInit) != events.end();
}

// Has memory to train on two samples; with more it fails at one place of a step.
class SmallMemoryModel final : public DropoutModel {
 public:
  enum class Fails { kInForward, kInLoss, kInBackward };
  SmallMemoryModel(Fails fails, bool layers) : DropoutModel(layers), fails_(fails) {}

  Outputs forward(const Batch& batch) override {
    Outputs outputs = DropoutModel::forward(batch);
    if (too_many(batch, Fails::kInForward)) fail();
    if (too_many(batch, Fails::kInBackward)) {
      outputs.at("logits").register_hook([](const at::Tensor&) { fail(); });
    }
    return outputs;
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    if (too_many(batch, Fails::kInLoss)) fail();
    return DropoutModel::loss(outputs, batch);
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
  std::shared_ptr<ComposerModel> model = nullptr;  // a DropoutModel when null
  int64_t microbatch_size = 0;
  Precision precision = Precision::kFp32;
  std::string max_duration = "2ba";
  uint64_t seed = 5;
  std::vector<std::unique_ptr<Callback>> callbacks = {};
  std::optional<SmallMemoryModel::Fails> fails = {};
  // Whether the model has layers that an algorithm can change; when unset, if that does so.
  std::optional<bool> layers = {};
};

TrainerOptions options_of(Setup setup) {
  const bool layers =
      setup.layers.value_or(setup.algorithm != nullptr && changes_the_model(*setup.algorithm));
  seed_everything(setup.seed);
  TrainerOptions options;
  options.model = setup.model ? setup.model : std::make_shared<DropoutModel>(layers);
  if (setup.fails) {
    seed_everything(setup.seed);
    options.model = std::make_shared<SmallMemoryModel>(*setup.fails, layers);
  }
  options.train = std::make_shared<TinyLoader>(4 * kBatchSize, kBatchSize);
  options.evaluators = {{.data = std::make_shared<TinyLoader>(2 * kBatchSize, kBatchSize, 9)}};
  options.max_duration = setup.max_duration;
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.device_train_microbatch_size = setup.microbatch_size;
  options.precision = setup.precision;
  options.allow_slow_precision = true;
  options.seed = setup.seed;
  options.callbacks = std::move(setup.callbacks);
  if (setup.algorithm != nullptr) {
    auto algorithm = make(*setup.algorithm);
    EXPECT_TRUE(algorithm.ok()) << algorithm.status() << "; give its required fields in settings()";
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
  ASSERT_TRUE(algorithm.ok()) << algorithm.status() << "; give its required fields in settings()";
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
  const auto without = make_trainer({.layers = changes_the_model(GetParam())});
  fit(*without);
  EXPECT_FALSE((*after.child("model"))->identical(**trained(*without).child("model")));
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
class KeepingLoader final : public DataLoader {
 public:
  int64_t batch_size() const override { return loader_.batch_size(); }
  std::optional<int64_t> batches_per_epoch() const override { return loader_.batches_per_epoch(); }
  void seek(int64_t epoch, int64_t batch) override { loader_.seek(epoch, batch); }
  std::optional<Batch> next() override {
    std::optional<Batch> batch = loader_.next();
    if (batch) given.push_back({*batch, cloned(*batch)});
    return batch;
  }

  std::vector<std::pair<Batch, Batch>> given;

 private:
  TinyLoader loader_{2 * kBatchSize, kBatchSize};
};

TEST_P(AlgorithmConformance, WritesIntoNoTensorOfTheLoader) {
  const auto trainer = make_trainer({.algorithm = &GetParam(), .microbatch_size = 2});
  ASSERT_NE(trainer, nullptr);
  const auto loader = std::make_shared<KeepingLoader>();
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
class WatchedModel final : public TinyModel {
 public:
  Outputs forward(const Batch& batch) override {
    watch();
    return TinyModel::forward(batch);
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    watch();
    return TinyModel::loss(outputs, batch);
  }
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override {
    watch();
    return TinyModel::per_sample_loss(outputs, batch);
  }

  int calls = 0;

 private:
  void watch() {
    ++calls;
    EXPECT_TRUE(at::autocast::is_autocast_enabled(at::kCPU)) << "call " << calls;
  }
};

TEST_P(AlgorithmConformance, ComputesTheModelUnderTheRunsAutocast) {
  const auto model = std::make_shared<WatchedModel>();
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
  if (std::find(events.begin(), events.end(), Event::kInit) != events.end()) {
    GTEST_SKIP() << "it changes the model";
  }
  const auto without = make_trainer({});
  const auto evaluate = [](Trainer& trainer) {
    auto metrics = trainer.eval();
    EXPECT_TRUE(metrics.ok()) << metrics.status();
    return metrics.ok() ? *metrics : std::map<std::string, MetricValues>();
  };
  EXPECT_EQ(evaluate(*with), evaluate(*without));

  TinyLoader data(kBatchSize, kBatchSize, 9);
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

TEST(Registry, HasTheAlgorithmsOfTheCatalogue) { EXPECT_GE(cases().size(), 7u); }

}  // namespace
}  // namespace composer
