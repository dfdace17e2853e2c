#include "algorithms/selective_backprop.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/dropout.h>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/trainer/trainer.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/golden.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::golden;
using ::testing::HasSubstr;
using testing::IsExactly;
using testing::IsNear;
using testing::plain_sgd;
using testing::TinyLoader;
using testing::TinyModel;

at::Generator seeded(uint64_t seed) { return at::detail::createCPUGenerator(seed); }

TEST(SelectUsingLoss, GivesComposersProbabilitiesAndChoice) {
  for (const double keep : {0.3, 0.5, 0.75}) {
    const std::string prefix = absl::StrCat("select/", keep, "/");
    EXPECT_THAT(rank_probabilities(10, keep), IsNear(golden(prefix + "probabilities"), 1e-8));
    EXPECT_THAT(select_using_loss(golden("select/losses"), golden(prefix + "ranks")),
                IsExactly(golden(prefix + "chosen")));
  }
}

TEST(ScaleInput, GivesComposersValuesForOneToThreeSides) {
  for (const int sides : {3, 4, 5}) {
    const std::string prefix = absl::StrCat("scale/", sides, "/");
    EXPECT_THAT(scale_input(golden(prefix + "input"), 0.6),
                IsNear(golden(prefix + "result"), 1e-6));
  }
}

TEST(ScaleInput, RefusesInputsWithoutSides) {
  try {
    scale_input(at::zeros({4, 3}), 0.5);
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("inputs of shape [4, 3] cannot be scaled"));
  }
}

TEST(DrawRanks, KeepsTheFractionWithoutRepeatingARank) {
  for (const auto& [samples, keep, kept] : std::vector<std::tuple<int64_t, double, int64_t>>{
           {10, 0.5, 5}, {10, 0.75, 7}, {9, 0.5, 4}, {10, 1.0, 10}, {1, 0.5, 1}, {3, 0.1, 1}}) {
    const at::Tensor ranks = draw_ranks(samples, keep, seeded(1));
    EXPECT_EQ(ranks.numel(), kept) << samples << " " << keep;
    EXPECT_EQ(std::get<0>(at::_unique(ranks)).numel(), kept);
    EXPECT_TRUE(ranks.ge(0).logical_and(ranks.lt(samples)).all().item<bool>());
  }
}

// One rank is kept of ten, so the frequencies are the probabilities.
TEST(DrawRanks, FollowsTheProbabilities) {
  constexpr int kDraws = 20000;
  const at::Generator generator = seeded(5);
  std::vector<double> counts(10);
  for (int i = 0; i < kDraws; ++i) {
    counts[draw_ranks(10, 0.19, generator).item<int64_t>()] += 1;
  }
  const at::Tensor probabilities = rank_probabilities(10, 0.19);
  double chi_square = 0;
  int bins = 0;
  for (int i = 0; i < 10; ++i) {
    const double expected = probabilities[i].item<double>() * kDraws;
    if (expected < 5) continue;
    chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    ++bins;
  }
  EXPECT_GE(bins, 5);
  EXPECT_LT(chi_square, 25) << "the 99.7th percentile of 9 degrees of freedom";
}

// Of two samples; remembers in which way it was asked. The loss of a sample is its target.
class ProbeModel : public ComposerModel {
 public:
  ProbeModel() {
    norm = register_module("norm", torch::nn::BatchNorm1d(3));
    dropout = register_module("dropout", torch::nn::Dropout(0.5));
  }
  Outputs forward(const Batch& batch) override {
    training.push_back(is_training() || norm->is_training() || dropout->is_training());
    sizes.push_back(batch.at("input").sizes().vec());
    return {{"logits", dropout(norm(batch.at("input")))}};
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    return outputs.at("logits").mean();
  }
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override {
    with_graph = outputs.at("logits").requires_grad();
    return batch.at("target").to(at::kFloat);
  }
  bool has_per_sample_loss() const override { return true; }

  torch::nn::BatchNorm1d norm{nullptr};
  torch::nn::Dropout dropout{nullptr};
  std::vector<bool> training;
  std::vector<std::vector<int64_t>> sizes;
  bool with_graph = true;
};

class SelectiveBackpropTest : public ::testing::Test {
 protected:
  SelectiveBackpropTest() {
    state_.model = model_;
    state_.max_duration = Time::batches(100);
    state_.batch = batch();
  }
  static Batch batch() {
    return {{"input", at::arange(24, at::kFloat).reshape({8, 3})},
            {"target", at::tensor({7, 0, 6, 1, 5, 2, 4, 3})},
            {"weight", at::arange(8, at::kDouble)},
            {"temperature", at::scalar_tensor(2.f)}};
  }

  const std::shared_ptr<ProbeModel> model_ = std::make_shared<ProbeModel>();
  State state_;
  Logger logger_;
};

TEST_F(SelectiveBackpropTest, ActsWhenComposerDoes) {
  const at::Tensor table = golden("active");
  constexpr int64_t kBatches = 10000;
  state_.max_duration = Time::batches(kBatches);
  for (int64_t i = 0; i < table.size(0); ++i) {
    const double elapsed = table[i][0].item<double>();
    SelectiveBackprop algorithm({.interrupt = table[i][2].item<int64_t>()});
    state_.timestamp.batch = static_cast<int64_t>(elapsed * kBatches + 0.5);
    state_.timestamp.batch_in_epoch = table[i][1].item<int64_t>();
    EXPECT_EQ(algorithm.match(Event::kAfterDataloader, state_), table[i][3].item<double>() != 0)
        << table[i];
  }
}

TEST_F(SelectiveBackpropTest, BeginsInsideAnEpoch) {
  state_.max_duration = Time::epochs(1);
  state_.dataloader_length = 10;
  SelectiveBackprop algorithm({.start = 0.5, .end = 1, .interrupt = 0});
  state_.timestamp.batch = state_.timestamp.batch_in_epoch = 4;
  EXPECT_FALSE(algorithm.match(Event::kAfterDataloader, state_));
  state_.timestamp.batch = state_.timestamp.batch_in_epoch = 5;
  EXPECT_TRUE(algorithm.match(Event::kAfterDataloader, state_));
}

TEST_F(SelectiveBackpropTest, DoesNothingWhenAllIsKept) {
  SelectiveBackprop algorithm({.start = 0, .end = 1, .keep = 1, .interrupt = 0});
  EXPECT_FALSE(algorithm.match(Event::kAfterDataloader, state_));
}

TEST_F(SelectiveBackpropTest, KeepsTheSameSamplesOfEveryTensor) {
  SelectiveBackprop algorithm({.keep = 0.5});
  algorithm.apply(Event::kAfterDataloader, state_, logger_);
  ASSERT_EQ(state_.batch.num_samples(), 4);
  const at::Tensor kept = state_.batch.at("weight").to(at::kLong);
  const Batch whole = batch();
  EXPECT_THAT(state_.batch.at("input"), IsExactly(whole.at("input").index_select(0, kept)));
  EXPECT_THAT(state_.batch.at("target"), IsExactly(whole.at("target").index_select(0, kept)));
  EXPECT_THAT(state_.batch.at("temperature"), IsExactly(whole.at("temperature")));
}

TEST_F(SelectiveBackpropTest, PrefersLargeLosses) {
  SelectiveBackprop algorithm({.keep = 0.25});
  double kept_loss = 0;
  constexpr int kBatches = 200;
  for (int i = 0; i < kBatches; ++i) {
    state_.timestamp.batch = i;
    state_.batch = batch();
    algorithm.apply(Event::kAfterDataloader, state_, logger_);
    kept_loss += state_.batch.at("target").to(at::kDouble).mean().item<double>();
  }
  // Two of 0 to 7 by (rank + 0.5)^3: about 5.5. Without preference it is 3.5.
  EXPECT_GT(kept_loss / kBatches, 5);
}

TEST_F(SelectiveBackpropTest, ScoresInEvaluationModeWithoutAGraphOrATrace) {
  model_->train();
  model_->norm->eval();  // frozen
  const at::Tensor mean = model_->norm->running_mean.clone();
  const at::Tensor generator = at::detail::getDefaultCPUGenerator().get_state();
  SelectiveBackprop({.keep = 0.5}).apply(Event::kAfterDataloader, state_, logger_);
  EXPECT_THAT(model_->training, ::testing::ElementsAre(false));
  EXPECT_FALSE(model_->with_graph);
  EXPECT_TRUE(model_->is_training());
  EXPECT_FALSE(model_->norm->is_training());
  EXPECT_TRUE(model_->dropout->is_training());
  EXPECT_THAT(model_->norm->running_mean, IsExactly(mean));
  EXPECT_THAT(at::detail::getDefaultCPUGenerator().get_state(), IsExactly(generator));
}

TEST_F(SelectiveBackpropTest, ChoosesTheSameAgainAndSomethingElseInAnotherBatch) {
  const auto chosen = [&](int64_t number) {
    state_.streams.clear();
    state_.timestamp.batch = number;
    state_.batch = batch();
    SelectiveBackprop({.keep = 0.5}).apply(Event::kAfterDataloader, state_, logger_);
    return state_.batch.at("weight");
  };
  const at::Tensor first = chosen(0);
  EXPECT_THAT(chosen(0), IsExactly(first));
  EXPECT_FALSE(at::equal(chosen(1), first) && at::equal(chosen(2), first));
}

TEST_F(SelectiveBackpropTest, ScoresInMicrobatchesWithTheSameChoice) {
  SelectiveBackprop algorithm({.keep = 0.5});
  algorithm.apply(Event::kAfterDataloader, state_, logger_);
  const at::Tensor chosen = state_.batch.at("weight");
  state_.streams.clear();
  state_.batch = batch();
  state_.device_train_microbatch_size = 3;
  algorithm.apply(Event::kAfterDataloader, state_, logger_);
  EXPECT_EQ(model_->sizes.back()[0], 2);
  EXPECT_THAT(state_.batch.at("weight"), IsExactly(chosen));
}

// A model whose output is its input's mean, for inputs with sides.
class MeanModel : public ProbeModel {
 public:
  Outputs forward(const Batch& batch) override {
    sizes.push_back(batch.at("input").sizes().vec());
    return {{"logits", batch.at("input").flatten(1).mean(1)}};
  }
};

TEST_F(SelectiveBackpropTest, ScalesInputsForScoringOnly) {
  const auto model = std::make_shared<MeanModel>();
  state_.model = model;
  state_.batch = {{"input", at::rand({4, 1, 6, 8})}, {"target", at::arange(4)}};
  SelectiveBackprop({.keep = 0.5, .scale_factor = 0.5})
      .apply(Event::kAfterDataloader, state_, logger_);
  EXPECT_EQ(model->sizes.back(), (std::vector<int64_t>{4, 1, 3, 4}));
  EXPECT_EQ(state_.batch.at("input").sizes().vec(), (std::vector<int64_t>{2, 1, 6, 8}));
}

TEST_F(SelectiveBackpropTest, RefusesLossesThatAreNotOnePerSample) {
  class PerElement : public ProbeModel {
   public:
    at::Tensor per_sample_loss(const Outputs&, const Batch& batch) override {
      return at::zeros({batch.num_samples(), 2});
    }
  };
  state_.model = std::make_shared<PerElement>();
  try {
    SelectiveBackprop().apply(Event::kAfterDataloader, state_, logger_);
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("one loss for each of the 8 samples"));
  }
}

TEST(SelectiveBackprop, IsMadeFromItsConfigWithTheSameDefaults) {
  const config::SelectiveBackprop config;
  const SelectiveBackpropOptions options;
  EXPECT_EQ(config.start(), options.start);
  EXPECT_EQ(config.end(), options.end);
  EXPECT_EQ(config.keep(), options.keep);
  EXPECT_EQ(config.scale_factor(), options.scale_factor);
  EXPECT_EQ(config.interrupt(), options.interrupt);
  EXPECT_TRUE(SelectiveBackprop::create(config).ok());
}

TEST(SelectiveBackprop, RefusesSettingsOutOfRangeByTheirField) {
  const auto field = [](auto&& set) {
    config::SelectiveBackprop config;
    set(config);
    return field_of(SelectiveBackprop::create(config).status());
  };
  EXPECT_EQ(field([](auto& config) { config.set_end(0.3); }), "end");
  EXPECT_EQ(field([](auto& config) { config.set_start(-0.1); }), "start");
  EXPECT_EQ(field([](auto& config) { config.set_keep(0); }), "keep");
  EXPECT_EQ(field([](auto& config) { config.set_scale_factor(1.5); }), "scale_factor");
  EXPECT_EQ(field([](auto& config) { config.set_interrupt(-1); }), "interrupt");
}

std::unique_ptr<Trainer> trainer_with(SelectiveBackpropOptions options,
                                      std::shared_ptr<ComposerModel> model) {
  TrainerOptions trainer;
  trainer.model = std::move(model);
  trainer.train = std::make_shared<TinyLoader>(16, 8);
  trainer.max_duration = "2ba";
  trainer.optimizers = {plain_sgd(0.1)};
  trainer.algorithms.push_back(std::make_unique<SelectiveBackprop>(std::move(options)));
  absl::StatusOr<std::unique_ptr<Trainer>> made = Trainer::create(std::move(trainer));
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

TEST(SelectiveBackprop, TheClockCountsWhatIsTrainedOn) {
  const auto trainer =
      trainer_with({.start = 0, .end = 1, .keep = 0.5}, std::make_shared<TinyModel>());
  ASSERT_TRUE(trainer->fit().ok());
  // The first batch is pruned, the second is not.
  EXPECT_EQ(trainer->state().timestamp.sample, 4 + 8);
}

TEST(SelectiveBackprop, TheStepIsThatOfTheChosenSamples) {
  at::manual_seed(3);
  const auto model = std::make_shared<TinyModel>();
  const auto other = std::make_shared<TinyModel>();
  {
    const at::NoGradGuard no_grad;
    other->weight.copy_(model->weight);
  }
  const auto trainer = trainer_with({.start = 0, .end = 0.4, .keep = 0.5, .interrupt = 0}, model);
  Batch chosen;
  class Keeper : public Callback {
   public:
    explicit Keeper(Batch* batch) : batch_(batch) {}
    void batch_start(State& state, Logger&) override {
      if (state.timestamp.batch == 0) *batch_ = state.batch;
      if (state.timestamp.batch == 0) state.stop_training("one batch is enough");
    }

   private:
    Batch* batch_;
  };
  trainer->state().callbacks.push_back(std::make_unique<Keeper>(&chosen));
  ASSERT_TRUE(trainer->fit().ok());
  ASSERT_EQ(chosen.num_samples(), 4);
  other->loss(other->forward(chosen), chosen).total().backward();
  EXPECT_THAT(model->weight.detach(),
              IsNear((other->weight - 0.1 * other->weight.grad()).detach(), 1e-7));
}

TEST(SelectiveBackprop, IsRefusedByNameForAModelWithoutPerSampleLosses) {
  class Plain : public TinyModel {
   public:
    bool has_per_sample_loss() const override { return false; }
  };
  TrainerOptions options;
  options.model = std::make_shared<Plain>();
  options.algorithms.push_back(std::make_unique<SelectiveBackprop>());
  const absl::Status status = Trainer::create(std::move(options)).status();
  EXPECT_THAT(status.message(), HasSubstr("SelectiveBackprop"));
  EXPECT_THAT(status.message(), HasSubstr("Plain"));
}

}  // namespace
}  // namespace composer
