// A saved step is taken again, and the operation that its bad value comes from is named.

#include "composer/trainer/replay.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/batches_loader.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/value_trace.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

// Of one sample.
at::Tensor row(const std::vector<float>& values) { return at::tensor(values).unsqueeze(0); }

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A loss that a test writes, of `input` and a weight of [4].
class Written final : public ComposerModel {
 public:
  using Function = std::function<at::Tensor(const at::Tensor& weight, const Batch& batch)>;
  explicit Written(Function forward, Function loss)
      : forward_(std::move(forward)), loss_(std::move(loss)) {
    weight = register_parameter("weight", at::ones({4}));
  }
  Outputs forward(const Batch& batch) override { return {{"logits", forward_(weight, batch)}}; }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    return loss_(outputs.at("logits"), batch);
  }

  at::Tensor weight;

 private:
  Function forward_;
  Function loss_;
};

struct Made {
  std::unique_ptr<Trainer> trainer;
  SavedStep step;
};

Made make(Written::Function forward, Written::Function loss, const at::Tensor& input) {
  TrainerOptions options;
  options.model = std::make_shared<Written>(std::move(forward), std::move(loss));
  options.max_duration = "1ba";
  options.optimizers = {testing::plain_sgd(0.1)};
  Made made;
  made.step.data = {{"input", input}};
  options.train = std::make_shared<BatchesLoader>(std::vector<Batch>{made.step.data});
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  made.trainer = *std::move(trainer);
  made.step.state = made.trainer->state_dict();
  return made;
}

ReplayReport replayed(const Made& made) {
  const absl::StatusOr<ReplayReport> report = replay(*made.trainer, made.step);
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : ReplayReport();
}

at::Tensor times(const at::Tensor& weight, const Batch& batch) {
  return weight * batch.at("input");
}
at::Tensor mean(const at::Tensor& logits, const Batch& batch) { return logits.mean(); }

TEST(ReplayTest, NamesTheOperatorOfTheForward) {
  const auto report =
      replayed(make([](const at::Tensor& weight,
                       const Batch& batch) { return (weight * batch.at("input")).log().exp(); },
                    mean, row({1.0F, -2.0F, 3.0F, 4.0F})));
  EXPECT_TRUE(report.reproduced);
  ASSERT_EQ(report.origin.size(), 1);
  const BadValue& origin = report.origin[0];
  EXPECT_EQ(origin.op, "aten::log");
  EXPECT_EQ(origin.phase, "forward");
  EXPECT_TRUE(origin.nan);
  ASSERT_EQ(origin.inputs.size(), 1);
  EXPECT_EQ(origin.inputs[0].shape, (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(origin.inputs[0].dtype, "float32");
  EXPECT_EQ(origin.inputs[0].min, -2);
  EXPECT_EQ(origin.inputs[0].max, 4);
  EXPECT_EQ(report.parameters, std::vector<std::string>{"weight"});
  EXPECT_EQ(report.anomaly, "");
}

TEST(ReplayTest, TheInnermostOperatorIsNamedWithItsCallersAndItsParameter) {
  const auto report = replayed(make(
      [](const at::Tensor& weight, const Batch& batch) {
        return at::linear(batch.at("input"), weight.expand({2, 4}) * 1e38F);
      },
      [](const at::Tensor& logits, const Batch& batch) {
        return at::cross_entropy_loss(logits, at::zeros({1}, at::kLong));
      },
      at::full({1, 4}, 10.0F)));
  ASSERT_EQ(report.origin.size(), 2);
  const BadValue& infinity = report.origin[0];
  EXPECT_FALSE(infinity.nan);
  EXPECT_EQ(infinity.phase, "forward");
  EXPECT_TRUE(infinity.op == "aten::addmm" || infinity.op == "aten::mm") << infinity.op;
  EXPECT_FALSE(infinity.callers.empty());
  EXPECT_EQ(infinity.callers.front(), "aten::linear");
  const BadValue& nan = report.origin[1];
  EXPECT_TRUE(nan.nan);
  EXPECT_EQ(nan.op, "aten::_log_softmax");
  EXPECT_EQ(nan.phase, "loss");
  EXPECT_EQ(nan.callers.front(), "aten::cross_entropy_loss");
  ASSERT_FALSE(nan.inputs.empty());
  EXPECT_EQ(nan.inputs[0].infinities, 2);
}

TEST(ReplayTest, ParametersAndTheBatchHaveTheirNames) {
  const auto report = replayed(make(
      [](const at::Tensor& weight, const Batch& batch) {
        return weight.div(batch.at("input")) - weight.div(batch.at("input"));
      },
      mean, at::zeros({1, 4})));
  ASSERT_EQ(report.origin.size(), 2);
  EXPECT_EQ(report.origin[0].op, "aten::div");
  EXPECT_EQ(report.origin[0].inputs[0].name, "parameter weight");
  EXPECT_EQ(report.origin[0].inputs[1].name, "batch input");
  EXPECT_EQ(report.origin[1].op, "aten::sub");
}

// The gradient of sqrt at 0 is infinite, and 0 times that is NaN.
TEST(ReplayTest, NamesTheOperatorOfTheBackwardAndWhatAnomalyModeSays) {
  const auto report =
      replayed(make([](const at::Tensor& weight,
                       const Batch& batch) { return (weight * batch.at("input")).sqrt(); },
                    mean, row({0.0F, 1.0F, 1.0F, 1.0F})));
  EXPECT_TRUE(report.reproduced);
  ASSERT_EQ(report.origin.size(), 2);
  EXPECT_EQ(report.origin[0].op, "aten::div");
  EXPECT_EQ(report.origin[0].phase, "backward");
  EXPECT_EQ(report.origin[0].backward_node, "SqrtBackward0");
  EXPECT_EQ(report.origin[1].op, "aten::mul");
  EXPECT_EQ(report.origin[1].backward_node, "MulBackward0");
  EXPECT_TRUE(absl::StrContains(report.anomaly, "MulBackward0")) << report.anomaly;
}

TEST(ReplayTest, ANanThatNothingComesOfIsNotAccused) {
  // log(-1) is not taken; the sqrt's gradient is what spoils the step.
  const auto report = replayed(make(
      [](const at::Tensor& weight, const Batch& batch) {
        const at::Tensor& input = batch.at("input");
        const at::Tensor unused = at::where(input > 0, input.log(), at::zeros_like(input));
        return unused + (weight - 1).sqrt() * input;
      },
      mean, row({-1.0F, 0.0F, 1.0F, 2.0F})));
  ASSERT_FALSE(report.origin.empty());
  EXPECT_EQ(report.origin.back().phase, "backward");
  EXPECT_NE(report.origin.front().op, "aten::log");
}

TEST(ReplayTest, AMaskOfInfinitiesIsNoCulprit) {
  const auto report = replayed(make(
      [](const at::Tensor& weight, const Batch& batch) {
        const at::Tensor& input = batch.at("input");
        const at::Tensor attention = (weight * input).masked_fill(input > 2, -kInfinity);
        return attention.softmax(1) * (weight * input).neg().log();
      },
      mean, row({1.0F, 2.0F, 3.0F, 4.0F})));
  ASSERT_EQ(report.origin.size(), 1);
  EXPECT_EQ(report.origin[0].op, "aten::log");
}

TEST(ReplayTest, AMaskOfAWholeRowIsSaidToLeadToTheNan) {
  const auto report = replayed(make(
      [](const at::Tensor& weight, const Batch& batch) {
        return (weight * batch.at("input"))
            .masked_fill(batch.at("input") > 0, -kInfinity)
            .softmax(1);
      },
      mean, at::ones({1, 4})));
  ASSERT_EQ(report.origin.size(), 2);
  EXPECT_TRUE(absl::StartsWith(report.origin[0].op, "aten::masked_fill")) << report.origin[0].op;
  EXPECT_EQ(report.origin[1].op, "aten::_softmax");
}

TEST(ReplayTest, MemoryThatWasNotFilledIsNotJudged) {
  const auto report = replayed(make(
      [](const at::Tensor& weight, const Batch& batch) {
        const at::Tensor memory = at::empty({1, 4});
        memory.fill_(std::numeric_limits<float>::quiet_NaN());
        const at::Tensor again = at::empty_like(memory).copy_(batch.at("input"));
        memory.narrow(1, 0, 4).copy_(again);
        return (weight * memory).log();
      },
      mean, row({1.0F, -2.0F, 3.0F, 4.0F})));
  ASSERT_EQ(report.origin.size(), 1);
  EXPECT_EQ(report.origin[0].op, "aten::log");
}

TEST(ReplayTest, ABatchThatIsBadItselfIsNamedWithItsSamples) {
  at::Tensor input = at::ones({5, 4});
  input[1][2] = std::numeric_limits<float>::quiet_NaN();
  input[3][0] = -kInfinity;
  const auto report = replayed(make(times, mean, input));
  ASSERT_EQ(report.origin.size(), 1);
  EXPECT_EQ(report.origin[0].op, "");
  EXPECT_EQ(report.origin[0].inputs[0].name, "batch input");
  EXPECT_EQ(report.bad_input, "input");
  EXPECT_EQ(report.bad_samples, (std::vector<int64_t>{1, 3}));
}

TEST(ReplayTest, AParameterThatIsBadItselfIsNamed) {
  Made made = make(times, mean, at::ones({1, 4}));
  at::Tensor weight = (*made.step.state.child("model"))->tensors().at("weight");
  weight[2] = kInfinity;
  const auto report = replayed(made);
  ASSERT_EQ(report.origin.size(), 1);
  EXPECT_EQ(report.origin[0].inputs[0].name, "parameter weight");
  EXPECT_FALSE(report.origin[0].nan);
}

TEST(ReplayTest, AnOperatorThatWorksInPlaceIsNamedWithWhatItWasGiven) {
  const auto report = replayed(make(
      [](const at::Tensor& weight, const Batch& batch) {
        at::Tensor value = weight * batch.at("input");
        return value.log_();
      },
      mean, at::full({1, 4}, -3.0F)));
  ASSERT_EQ(report.origin.size(), 1);
  EXPECT_EQ(report.origin[0].op, "aten::log_");
  EXPECT_EQ(report.origin[0].inputs[0].max, -3);
}

TEST(ReplayTest, AStepThatIsFineThisTimeIsSaid) {
  const auto report = replayed(make(times, mean, at::ones({1, 4})));
  EXPECT_FALSE(report.reproduced);
  EXPECT_TRUE(report.origin.empty());
  EXPECT_DOUBLE_EQ(report.grad_norm, 0.5);
  ASSERT_EQ(report.loss.size(), 1);
  EXPECT_EQ(report.loss[0].second, 1);
}

TEST(ReplayTest, AStateOfAnotherModelIsRefused) {
  Made made = make(times, mean, at::ones({1, 4}));
  made.step.state.set("model", StateDict());
  const absl::StatusOr<ReplayReport> report = replay(*made.trainer, made.step);
  ASSERT_FALSE(report.ok());
  EXPECT_TRUE(absl::StrContains(report.status().message(), "weight")) << report.status();
}

}  // namespace
}  // namespace composer
