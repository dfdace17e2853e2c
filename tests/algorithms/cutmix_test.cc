#include "algorithms/cutmix.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "algorithms/label_smoothing.h"
#include "algorithms/mixup.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/data/batches_loader.h"
#include "composer/optim/sgd.h"
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

Box box_of(const at::Tensor& sides) {
  const auto* side = sides.const_data_ptr<int64_t>();
  return {.top = side[0], .left = side[1], .bottom = side[2], .right = side[3]};
}

TEST(CutMixBatch, GivesComposersValues) {
  const at::Tensor input = golden("cutmix/input"), permutation = golden("cutmix/permutation");
  const Box box = box_of(golden("cutmix/box"));
  EXPECT_THAT(cutmix_batch(input, permutation, box), IsExactly(golden("cutmix/mixed_input")));
  EXPECT_NEAR(1 - covered(box, image_size(input)), golden("cutmix/stays").item<double>(), 1e-9);
  EXPECT_THAT(cutmix_targets(golden("cutmix/logits"), golden("cutmix/targets"), permutation, box,
                             image_size(input)),
              IsNear(golden("cutmix/mixed_targets"), 1e-6));
}

TEST(CutMixBatch, WritesIntoNothingAndKeepsTypeAndLayout) {
  const at::Tensor images =
      golden("cutmix/input").mul(10).to(at::kByte).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor before = images.clone();
  const at::Tensor mixed =
      cutmix_batch(images, golden("cutmix/permutation"), box_of(golden("cutmix/box")));
  EXPECT_THAT(images, IsExactly(before));
  EXPECT_EQ(mixed.scalar_type(), at::kByte);
  EXPECT_EQ(mixed.strides(), images.strides());
}

TEST(CutMixTargets, AreCutWhereTheyHaveTheImagesSize) {
  const at::Tensor targets = at::arange(2 * 4 * 4).reshape({2, 4, 4});
  const at::Tensor permutation = at::tensor({1, 0}, at::kLong);
  const Box box{.top = 1, .left = 0, .bottom = 3, .right = 2};
  const at::Tensor mixed =
      cutmix_targets(at::zeros({2, 40, 4, 4}), targets, permutation, box, {4, 4});
  EXPECT_THAT(mixed, IsExactly(cutmix_batch(targets, permutation, box)));
  EXPECT_EQ(mixed[0][1][1].item<int64_t>(), 16 + 5);
  EXPECT_EQ(mixed[0][3][1].item<int64_t>(), 13);
}

TEST(DrawCutMixBox, HasTheImagesProportionsAndTheDrawnArea) {
  const at::Generator generator = at::detail::createCPUGenerator(5);
  // With so large an alpha half of the image stays: sides of the square root of a half.
  int whole = 0;
  for (int i = 0; i < 200; ++i) {
    const ImageSize size = draw_cutmix_box({100, 50}, 1e8, false, generator).size();
    EXPECT_LE(size.height, 71);
    EXPECT_LE(size.width, 36);
    EXPECT_GE(size.height, 34);
    if (size.height >= 70 && size.width >= 35) ++whole;
  }
  // Where the middle is far enough from all sides: 0.3 of the height and 0.3 of the width.
  EXPECT_NEAR(whole, 200 * 0.3 * 0.3, 12);
}

TEST(DrawCutMixBox, IsEmptyForAnAlphaOfZero) {
  const at::Generator generator = at::detail::createCPUGenerator(5);
  EXPECT_EQ(covered(draw_cutmix_box({8, 8}, 0, false, generator), {8, 8}), 0);
}

// Linear in the pixels.
class ImageModel : public testing::TinyModel {
 public:
  Outputs forward(const Batch& batch) override {
    return TinyModel::forward(
        {{"input", at::adaptive_avg_pool2d(batch.at("input"), {2, 2}).flatten(1)}});
  }
};

class CutMixTest : public ::testing::Test {
 protected:
  CutMixTest() {
    at::set_num_threads(1);
    at::manual_seed(1);
    state_.model = std::make_shared<ImageModel>();
    state_.batch = {{"input", at::randn({6, 1, 8, 8})}, {"target", at::arange(6).remainder(3)}};
    found_ = state_.batch;
  }
  void run(Algorithm& algorithm, Event event) {
    ASSERT_TRUE(algorithm.match(event, state_)) << event_name(event);
    algorithm.apply(event, state_, logger_);
  }
  void forward() { state_.outputs = state_.model->forward(state_.batch); }
  void loss() { state_.loss = state_.model->loss(state_.outputs, state_.batch); }
  bool as_found() const {
    return state_.batch.at("input").is_same(found_.at("input")) &&
           state_.batch.at("target").is_same(found_.at("target"));
  }

  State state_;
  Logger logger_;
  Batch found_;
};

TEST_F(CutMixTest, CutsInputAndMixesTargetsAlikeAndRestoresBoth) {
  CutMix algorithm;
  const at::Tensor before = found_.at("input").clone();
  run(algorithm, Event::kBeforeForward);
  forward();
  run(algorithm, Event::kBeforeLoss);
  at::Generator generator = state_.generator("CutMix");
  generator.set_current_seed(generator.current_seed());
  const Box box = draw_cutmix_box({8, 8}, 1, false, generator);
  const at::Tensor permutation = at::randperm(6, generator, at::TensorOptions(at::kLong));
  ASSERT_GT(covered(box, {8, 8}), 0);
  EXPECT_THAT(state_.batch.at("input"), IsExactly(cutmix_batch(before, permutation, box)));
  EXPECT_THAT(state_.batch.at("target"),
              IsExactly(cutmix_targets(state_.outputs.at("logits"), found_.at("target"),
                                       permutation, box, {8, 8})));
  run(algorithm, Event::kAfterLoss);
  EXPECT_TRUE(as_found());
  EXPECT_THAT(found_.at("input"), IsExactly(before));
}

TEST_F(CutMixTest, InterpolatesTheLossToTheSameValueAsTheTargets) {
  CutMix by_targets, by_loss({.interpolate_loss = true});
  run(by_targets, Event::kBeforeForward);
  forward();
  run(by_targets, Event::kBeforeLoss);
  loss();
  run(by_targets, Event::kAfterLoss);
  const at::Tensor expected = state_.loss.total();

  state_.streams.clear();
  run(by_loss, Event::kBeforeForward);
  forward();
  EXPECT_FALSE(by_loss.match(Event::kBeforeLoss, state_));
  loss();
  EXPECT_GT((state_.loss.total() - expected).abs().item<double>(), 1e-4);
  run(by_loss, Event::kBeforeBackward);
  EXPECT_THAT(state_.loss.total(), IsNear(expected, 1e-6));
  EXPECT_TRUE(as_found());
}

TEST_F(CutMixTest, GoesWithLabelSmoothing) {
  CutMix cutmix;
  LabelSmoothing smoothing(0.2);
  run(cutmix, Event::kBeforeForward);
  forward();
  run(smoothing, Event::kBeforeLoss);
  run(cutmix, Event::kBeforeLoss);
  EXPECT_NEAR(state_.batch.at("target").min().item<double>(), 0.2 / 3, 1e-6);
  run(cutmix, Event::kAfterLoss);
  run(smoothing, Event::kAfterLoss);
  EXPECT_TRUE(as_found());
}

TEST_F(CutMixTest, LeavesAllAsItIsForAnAlphaOfZero) {
  CutMix algorithm({.alpha = 0});
  run(algorithm, Event::kBeforeForward);
  EXPECT_THAT(state_.batch.at("input"), IsExactly(found_.at("input")));
}

TEST_F(CutMixTest, RefusesToInterpolateTheLossOfTargetsOfTheImagesSize) {
  state_.batch.set("target", at::zeros({6, 8, 8}, at::kLong));
  CutMix().apply(Event::kBeforeForward, state_, logger_);
  state_.batch.set("input", found_.at("input"));
  try {
    CutMix({.interpolate_loss = true}).apply(Event::kBeforeForward, state_, logger_);
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("their losses cannot be interpolated"));
  }
}

TEST_F(CutMixTest, RefusesWhatIsNoImage) {
  state_.batch.set("input", at::randn({6, 4}));
  EXPECT_THROW(CutMix().apply(Event::kBeforeForward, state_, logger_), c10::ValueError);
}

TEST_F(CutMixTest, ActsOnTheTensorsThatItIsGiven) {
  state_.batch = {
      {"left", found_.at("input")}, {"right", found_.at("target")}, {"n", at::ones({6})}};
  CutMix algorithm({.input_key = "left", .target_key = "right"});
  run(algorithm, Event::kBeforeForward);
  EXPECT_FALSE(at::equal(state_.batch.at("left"), found_.at("input")));
  state_.outputs = {{"logits", at::zeros({6, 3})}};
  run(algorithm, Event::kBeforeLoss);
  EXPECT_EQ(state_.batch.at("right").dim(), 2);
  run(algorithm, Event::kAfterLoss);
  EXPECT_TRUE(state_.batch.at("left").is_same(found_.at("input")));
  EXPECT_TRUE(state_.batch.at("right").is_same(found_.at("target")));
}

// The net of make_inputs.py.
class GoldenNet final : public ComposerModel {
 public:
  GoldenNet() {
    for (const char* name : {"conv.weight", "conv.bias", "fc.weight", "fc.bias"}) {
      std::string own = name;
      own[own.find('.')] = '_';
      weights_.push_back(register_parameter(own, golden(std::string("cutmix_run/") + name)));
    }
  }
  Outputs forward(const Batch& batch) override {
    const at::Tensor x =
        at::conv2d(batch.at("input"), weights_[0], weights_[1], /*stride=*/1, /*padding=*/1);
    return {{"logits",
             at::linear(at::avg_pool2d(x.relu(), {4, 4}).flatten(1), weights_[2], weights_[3])}};
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    return at::cross_entropy_loss(outputs.at("logits"), batch.at("target"));
  }

 private:
  std::vector<at::Tensor> weights_;
};

class ReplayedCutMix final : public CutMix {
 public:
  using CutMix::CutMix;

 private:
  CutMixDraw draw(int64_t samples, ImageSize image, const at::Generator& generator) override {
    const int64_t i = next_++;
    return {.permutation = golden("cutmix_run/permutations")[i],
            .box = box_of(golden("cutmix_run/boxes")[i])};
  }

  int64_t next_ = 0;
};

class LossKeeper final : public Callback {
 public:
  explicit LossKeeper(std::vector<double>* losses) : losses_(losses) {}
  void before_backward(State& state, Logger& logger) override {
    losses_->push_back(state.loss.total().item<double>());
  }

 private:
  std::vector<double>* losses_;
};

TEST(CutMixRun, HasComposersLosses) {
  at::set_num_threads(1);
  const at::Tensor inputs = golden("cutmix_run/inputs"), targets = golden("cutmix_run/targets");
  for (const bool interpolate_loss : {false, true}) {
    std::vector<Batch> batches;
    for (int64_t i = 0; i < inputs.size(0); ++i) {
      batches.push_back({{"input", inputs[i]}, {"target", targets[i]}});
    }
    std::vector<double> losses;
    TrainerOptions options;
    options.model = std::make_shared<GoldenNet>();
    options.train = std::make_shared<BatchesLoader>(std::move(batches));
    options.max_duration = "20ba";
    options.optimizers = {sgd({.lr = 0.2, .momentum = 0.9})};
    options.algorithms.push_back(
        std::make_unique<ReplayedCutMix>(CutMixOptions{.interpolate_loss = interpolate_loss}));
    options.callbacks.push_back(std::make_unique<LossKeeper>(&losses));
    auto trainer = Trainer::create(std::move(options));
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    const absl::Status status = (*trainer)->fit();
    ASSERT_TRUE(status.ok()) << status;
    const at::Tensor expected = golden("cutmix_run/losses");
    ASSERT_EQ(losses.size(), static_cast<size_t>(expected.numel()));
    for (size_t i = 0; i < losses.size(); ++i) {
      const double loss = expected[static_cast<int64_t>(i)].item<double>();
      EXPECT_NEAR(losses[i], loss, 1e-4 * loss) << "step " << i;
    }
  }
}

TEST(CutMix, DeclaresItsLossOnlyWhenItComputesOne) {
  EXPECT_FALSE(CutMix().traits().interpolates_loss);
  EXPECT_TRUE(CutMix().traits().replaces_targets);
  EXPECT_TRUE(CutMix({.interpolate_loss = true}).traits().interpolates_loss);
}

TEST(CutMix, IsRefusedBesideAnotherThatComputesALoss) {
  TrainerOptions options;
  options.model = std::make_shared<testing::TinyModel>();
  options.algorithms.push_back(std::make_unique<CutMix>(CutMixOptions{.interpolate_loss = true}));
  options.algorithms.push_back(std::make_unique<MixUp>(MixUpOptions{.interpolate_loss = true}));
  EXPECT_THAT(Trainer::create(std::move(options)).status().message(),
              HasSubstr("CutMix and MixUp each compute a loss of their own"));
}

TEST(CutMix, IsMadeFromItsConfigWithTheSameDefaults) {
  const config::CutMix config;
  EXPECT_EQ(config.alpha(), CutMixOptions().alpha);
  EXPECT_EQ(config.interpolate_loss(), CutMixOptions().interpolate_loss);
  EXPECT_EQ(config.uniform_sampling(), CutMixOptions().uniform_sampling);
  EXPECT_TRUE(CutMix::create(config).ok());
  config::CutMix negative;
  negative.set_alpha(-1);
  EXPECT_EQ(field_of(CutMix::create(negative).status()), "alpha");
}

}  // namespace
}  // namespace composer
