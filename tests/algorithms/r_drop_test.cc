#include "algorithms/r_drop.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "algorithms/agreement.h"
#include "algorithms/label_smoothing.h"
#include "algorithms/mixup.h"
#include "composer/base/status.h"
#include "composer/core/loss.h"
#include "composer/core/state.h"
#include "composer/trainer/trainer.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/golden.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::golden;
using testing::IsExactly;
using testing::IsNear;
using testing::plain_sgd;
using testing::TinyLoader;
using testing::TinyModel;

TEST(Agreement, GivesTheValuesAndGradientsOfRDropsCode) {
  const at::Tensor first = golden("r_drop/first").requires_grad_();
  const at::Tensor second = golden("r_drop/second").requires_grad_();
  const at::Tensor targets = golden("r_drop/targets");
  const Positions positions = positions_of(first, {{"input", first}, {"target", targets}});
  const at::Tensor divergence = symmetric_kl_divergence(first, second, positions);
  EXPECT_THAT(divergence.detach(), IsNear(golden("r_drop/divergence"), 1e-6));
  const Loss loss = lerp(Loss(at::cross_entropy_loss(first, targets)),
                         Loss(at::cross_entropy_loss(second, targets)), 0.5);
  const at::Tensor total = with_term(loss, "r_drop", divergence * 0.7).total();
  EXPECT_THAT(total.detach(), IsNear(golden("r_drop/loss"), 1e-6));
  total.backward();
  EXPECT_THAT(first.grad(), IsNear(golden("r_drop/first_gradient"), 1e-6));
  EXPECT_THAT(second.grad(), IsNear(golden("r_drop/second_gradient"), 1e-6));
}

TEST(Agreement, FindsWhereTheClassesAre) {
  const auto class_dim = [](at::IntArrayRef logits, at::IntArrayRef targets) {
    return positions_of(at::zeros(logits), {{"target", at::zeros(targets, at::kLong)}}).class_dim;
  };
  EXPECT_EQ(class_dim({5, 3}, {5}), 1);
  EXPECT_EQ(class_dim({5, 7, 3}, {5, 7}), 2);
  EXPECT_EQ(class_dim({5, 3, 7}, {5, 7}), 1);
  EXPECT_EQ(class_dim({5, 3, 7, 6}, {5, 7, 6}), 1);
  EXPECT_EQ(
      positions_of(at::zeros({2, 4, 9}), {{"input_ids", at::zeros({2, 4}, at::kLong)}}).class_dim,
      2);
  EXPECT_FALSE(positions_of(at::zeros({5, 3}), {{"target", at::zeros({5, 3})}}).counted.defined());
}

TEST(Agreement, OfARegressionIsTheSquaredDifference) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{2}, std::vector<int64_t>{2, 1}}) {
    const at::Tensor first = at::zeros(shape), second = at::full(shape, 2.f);
    const Positions positions = positions_of(first, {{"target", at::zeros(shape)}});
    for (auto* measure : {symmetric_kl_divergence, kl_divergence, probability_mse}) {
      EXPECT_EQ(measure(first, second, positions).item<float>(), 4);
    }
  }
}

TEST(Agreement, IsZeroWhereNoPositionCounts) {
  const at::Tensor logits = at::randn({3, 2});
  const Positions positions = positions_of(logits, {{"target", at::full({3}, -100, at::kLong)}});
  EXPECT_EQ(symmetric_kl_divergence(logits, -logits, positions).item<float>(), 0);
}

TEST(WithTerm, CountsInTheTotalWhateverTheLossIsMadeOf) {
  const at::Tensor value = at::full({}, 0.5f);
  const Loss one = with_term(Loss(at::full({}, 2.f)), "more", value);
  EXPECT_EQ(one.total().item<float>(), 2.5);
  const Loss parts = with_term({{"a", at::full({}, 2.f)}, {"b", at::full({}, 3.f)}}, "more", value);
  EXPECT_EQ(parts.total().item<float>(), 5.5);
  EXPECT_EQ(parts.terms().back().first, "more");
}

// Dropout by its own draws, which a test reads.
class DroppingModel final : public TinyModel {
 public:
  Outputs forward(const Batch& batch) override {
    Outputs outputs =
        TinyModel::forward({{"input", at::dropout(batch.at("input"), 0.5, is_training())}});
    if (is_training()) seen.push_back(outputs.at("logits").detach());
    return outputs;
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    if (is_training()) targets.push_back(batch.at("target").detach());
    return TinyModel::loss(outputs, batch);
  }

  std::vector<at::Tensor> seen, targets;
};

class LossKeeper final : public Callback {
 public:
  void before_backward(State& state, Logger&) override {
    loss = state.loss.detached();
    outputs = state.outputs.at("logits").detach();
  }
  static inline Loss loss;
  static inline at::Tensor outputs;
};

std::shared_ptr<DroppingModel> train(std::vector<std::unique_ptr<Algorithm>> algorithms) {
  at::manual_seed(2);
  const auto model = std::make_shared<DroppingModel>();
  {
    const at::NoGradGuard no_grad;
    model->weight.mul_(10);
  }
  TrainerOptions options;
  options.model = model;
  options.train = std::make_shared<TinyLoader>(6, 6);
  options.max_duration = "1ba";
  options.optimizers = {plain_sgd(0.1)};
  options.algorithms = std::move(algorithms);
  options.callbacks.push_back(std::make_unique<LossKeeper>());
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->fit();
  EXPECT_TRUE(status.ok()) << status;
  return model;
}

template <typename... Algorithms>
std::vector<std::unique_ptr<Algorithm>> list_of(std::unique_ptr<Algorithms>... algorithms) {
  std::vector<std::unique_ptr<Algorithm>> list;
  (list.push_back(std::move(algorithms)), ...);
  return list;
}

at::Tensor expected_loss(const DroppingModel& model, double alpha) {
  const auto loss = [&](int i) { return at::cross_entropy_loss(model.seen[i], model.targets[i]); };
  return (loss(0) + loss(1)) / 2 +
         alpha * symmetric_kl_divergence(model.seen[0], model.seen[1], {.class_dim = 1});
}

TEST(RDrop, TrainsOnTwoPassesWithDrawsOfTheirOwn) {
  const auto model = train(list_of(std::make_unique<RDrop>(0.7)));
  ASSERT_EQ(model->seen.size(), 2u);
  EXPECT_FALSE(at::equal(model->seen[0], model->seen[1]));
  EXPECT_THAT(LossKeeper::loss.total(), IsNear(expected_loss(*model, 0.7), 1e-6));
  EXPECT_EQ(LossKeeper::loss.terms().back().first, "r_drop");
  EXPECT_GT(LossKeeper::loss.terms().back().second.item<float>(), 1e-3);
  // Metrics are of the first pass.
  EXPECT_THAT(LossKeeper::outputs, IsExactly(model->seen[0]));
}

TEST(RDrop, BothLossesAreOfTheTargetsThatOthersPutInTheBatch) {
  for (const bool first : {true, false}) {
    auto algorithms =
        first ? list_of(std::make_unique<RDrop>(0.7), std::make_unique<LabelSmoothing>(0.3))
              : list_of(std::make_unique<LabelSmoothing>(0.3), std::make_unique<RDrop>(0.7));
    const auto model = train(std::move(algorithms));
    ASSERT_EQ(model->targets.size(), 2u);
    EXPECT_THAT(model->targets[0], IsExactly(model->targets[1]));
    EXPECT_EQ(model->targets[0].dim(), 2);
    EXPECT_THAT(LossKeeper::loss.total(), IsNear(expected_loss(*model, 0.7), 1e-6));
  }
}

TEST(RDrop, WorksBesideALossThatIsInterpolated) {
  const auto model =
      train(list_of(std::make_unique<RDrop>(0.7),
                    std::make_unique<MixUp>(MixUpOptions{.alpha = 1, .interpolate_loss = true})));
  EXPECT_EQ(LossKeeper::loss.terms().back().first, "r_drop");
  EXPECT_TRUE(at::isfinite(model->weight).all().item<bool>());
}

TEST(RDrop, IsMadeFromItsConfigAndChecksIt) {
  config::RDrop config;
  EXPECT_EQ(config.alpha(), 1);
  EXPECT_TRUE(RDrop::create(config).ok());
  config.set_alpha(-0.1);
  EXPECT_EQ(field_of(RDrop::create(config).status()), "alpha");
}

}  // namespace
}  // namespace composer
