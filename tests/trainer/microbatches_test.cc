#include "composer/trainer/microbatches.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::plain_sgd;
using testing::TinyModel;

// Gives the same batch again and again.
class OneBatchLoader final : public DataLoader {
 public:
  explicit OneBatchLoader(Batch batch) : batch_(std::move(batch)) {}
  int64_t batch_size() const override { return batch_.num_samples(); }
  std::optional<int64_t> batches_per_epoch() const override { return {}; }
  void seek(int64_t, int64_t) override {}
  std::optional<Batch> next() override { return batch_; }

 private:
  const Batch batch_;
};

// Two layers with a tanh, for samples [batch, 4] or tokens [batch, sequence, 4].
class Perceptron : public ComposerModel {
 public:
  explicit Perceptron(at::ScalarType type) {
    first = register_parameter("first", at::randn({7, 4}, type));
    second = register_parameter("second", at::randn({3, 7}, type));
  }
  Outputs forward(const Batch& batch) override {
    const at::Tensor& input = batch.at(batch.contains("values") ? "values" : "input");
    return {{"logits", at::linear(at::tanh(at::linear(input, first)), second)}};
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    const at::Tensor& logits = outputs.at("logits");
    return at::cross_entropy_loss(logits.reshape({-1, 3}),
                                  batch.at(batch.target_name()).reshape(-1));
  }

  at::Tensor first, second;
};

Batch samples(int64_t count, at::ScalarType type) {
  return {{"input", at::randn({count, 4}, type)},
          {"target", at::randint(3, {count}, at::TensorOptions(at::kLong))}};
}

// Sequences of which the first `counted[i]` labels count.
Batch sequences(const std::vector<int64_t>& counted, at::ScalarType type) {
  constexpr int64_t kLength = 40;
  const auto count = static_cast<int64_t>(counted.size());
  const at::Tensor labels = at::randint(3, {count, kLength}, at::TensorOptions(at::kLong));
  for (int64_t i = 0; i < count; ++i) labels[i].slice(0, counted[i]).fill_(-100);
  return {{"values", at::randn({count, kLength, 4}, type)}, {"labels", labels}};
}

struct Result {
  std::vector<at::Tensor> gradients;
  at::Tensor loss;
  std::vector<std::string> events;
};

// Keeps the gradients that the optimizer gets.
class GradientKeeper final : public Callback {
 public:
  explicit GradientKeeper(Result& result) : result_(result) {}
  void after_train_batch(State& state, Logger&) override {
    for (const at::Tensor& parameter : state.model->parameters()) {
      const at::Tensor& gradient = parameter.grad();
      result_.gradients.push_back(gradient.defined() ? gradient.clone() : gradient);
    }
    result_.loss = state.loss.total();
  }

 private:
  Result& result_;
};

Result one_step(const Batch& batch, at::ScalarType type, int64_t size, bool on_tokens) {
  Result result;
  seed_everything(3);
  TrainerOptions options;
  options.model = std::make_shared<Perceptron>(type);
  options.train = std::make_shared<OneBatchLoader>(batch);
  options.max_duration = "1ba";
  options.optimizers = {plain_sgd(0.5)};
  options.device_train_microbatch_size = size;
  options.accumulate_train_batch_on_tokens = on_tokens;
  options.callbacks.push_back(std::make_unique<GradientKeeper>(result));
  options.callbacks.push_back(std::make_unique<testing::EventRecorder>(&result.events));
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->fit();
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

double relative_error(const at::Tensor& found, const at::Tensor& expected) {
  const at::Tensor f = found.to(at::kDouble), e = expected.to(at::kDouble);
  return ((f - e).norm() / e.norm()).item<double>();
}

void expect_close(const Result& found, const Result& expected, double tolerance) {
  ASSERT_EQ(found.gradients.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_LT(relative_error(found.gradients[i], expected.gradients[i]), tolerance);
  }
  EXPECT_LT(relative_error(found.loss, expected.loss), tolerance);
}

int64_t count(const std::vector<std::string>& events, const std::string& name) {
  return std::count(events.begin(), events.end(), name);
}

class GradientAccumulation : public ::testing::TestWithParam<std::pair<at::ScalarType, double>> {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    seed_everything(11);
  }
};

TEST_P(GradientAccumulation, OverSamplesIsTheGradientOfTheWholeBatch) {
  const auto [type, tolerance] = GetParam();
  const Batch batch = samples(37, type);
  const Result whole = one_step(batch, type, 0, false);
  for (const int64_t size : {1, 4, 5, 36}) {  // the last microbatch is smaller but for 1
    expect_close(one_step(batch, type, size, false), whole, tolerance);
  }
}

TEST_P(GradientAccumulation, OverTokensIsTheGradientOfTheWholeBatchHoweverUneven) {
  const auto [type, tolerance] = GetParam();
  const Batch batch = sequences({40, 1, 0, 3, 0, 0, 17}, type);
  const Result whole = one_step(batch, type, 0, false);
  for (const int64_t size : {0, 1, 2, 3, 5}) {
    expect_close(one_step(batch, type, size, true), whole, tolerance);
  }
  // By samples it is another one.
  const Result by_samples = one_step(sequences({40, 1, 5, 3}, type), type, 2, false);
  const Result by_tokens = one_step(sequences({40, 1, 5, 3}, type), type, 2, true);
  EXPECT_GT(relative_error(by_samples.gradients[0], by_tokens.gradients[0]), 0.01);
}

INSTANTIATE_TEST_SUITE_P(Types, GradientAccumulation,
                         ::testing::Values(std::pair(at::kDouble, 1e-14),
                                           std::pair(at::kFloat, 1e-6)),
                         [](const auto& info) { return c10::toString(info.param.first); });

TEST(TokenWeights, AMicrobatchInWhichNoTokenCountsHasNoBackward) {
  const Result result = one_step(sequences({5, 0, 7}, at::kDouble), at::kDouble, 1, true);
  EXPECT_EQ(count(result.events, "after_loss"), 3);
  EXPECT_EQ(count(result.events, "before_backward"), 2);
  EXPECT_EQ(count(result.events, "after_backward"), 2);
}

TEST(TokenWeights, ABatchInWhichNoTokenCountsChangesNothing) {
  for (const int64_t size : {int64_t{0}, int64_t{1}, int64_t{2}, kAutoMicrobatchSize}) {
    const Result result = one_step(sequences({0, 0, 0}, at::kFloat), at::kFloat, size, true);
    EXPECT_EQ(result.loss.item<double>(), 0) << size;
    for (const at::Tensor& gradient : result.gradients) EXPECT_FALSE(gradient.defined()) << size;
    EXPECT_EQ(count(result.events, "batch_end"), 1);
  }
}

TEST(TokenWeights, NeedSomethingToCount) {
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<OneBatchLoader>(samples(4, at::kFloat));
  options.max_duration = "1ba";
  options.optimizers = {plain_sgd(0.5)};
  options.accumulate_train_batch_on_tokens = true;
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok());
  const absl::Status status = (*trainer)->fit();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("override num_loss_tokens"), std::string::npos) << status;
}

TEST(Microbatches, WeighTheirShareAndKnowTheLastThatCounts) {
  const Batch batch = sequences({6, 0, 2, 0}, at::kFloat);
  const Perceptron model(at::kFloat);
  const Microbatches by_tokens(batch, 1, &model);
  ASSERT_EQ(by_tokens.count(), 4);
  EXPECT_EQ(by_tokens.weight(0), 0.75);
  EXPECT_EQ(by_tokens.weight(1), 0);
  EXPECT_EQ(by_tokens.weight(2), 0.25);
  EXPECT_EQ(by_tokens.last_weighted(), 2);

  const Microbatches by_samples(batch, 3, nullptr);
  ASSERT_EQ(by_samples.count(), 2);
  EXPECT_EQ(by_samples.weight(0), 0.75);
  EXPECT_EQ(by_samples.weight(1), 0.25);
  EXPECT_EQ(by_samples.last_weighted(), 1);

  const Batch silent = sequences({0, 0}, at::kFloat);
  EXPECT_EQ(Microbatches(silent, 1, &model).last_weighted(), -1);
  EXPECT_EQ(Microbatches(silent, 0, &model).last_weighted(), -1);
  EXPECT_EQ(Microbatches(silent, 0, nullptr).last_weighted(), 0);
}

TEST(Microbatches, KeepTheWholeBatchInOneWhereItFits) {
  const Batch batch = samples(4, at::kFloat);
  for (const int64_t size : {0, 4, 9}) {
    const Microbatches parts(batch, size, nullptr);
    ASSERT_EQ(parts.count(), 1);
    EXPECT_EQ(&parts[0], &batch);
    EXPECT_EQ(parts.weight(0), 1);
  }
}

// An algorithm that keeps the first half of each microbatch.
class Halving final : public Algorithm {
 public:
  AlgorithmTraits traits() const override { return {.events = {Event::kBeforeForward}}; }
  bool match(Event event, const State&) const override { return event == Event::kBeforeForward; }
  void apply(Event, State& state, Logger&) override {
    state.batch = state.batch.split((state.batch.num_samples() + 1) / 2)[0];
  }
};

TEST(Microbatches, WeighAsTheyWereCutWhateverAlgorithmsMakeOfThem) {
  seed_everything(4);
  const Batch batch = samples(8, at::kDouble);
  Result result;
  TrainerOptions options;
  options.model = std::make_shared<Perceptron>(at::kDouble);
  const auto& model = dynamic_cast<Perceptron&>(*options.model);
  options.train = std::make_shared<OneBatchLoader>(batch);
  options.max_duration = "1ba";
  options.optimizers = {plain_sgd(0)};
  options.device_train_microbatch_size = 4;
  options.algorithms.push_back(std::make_unique<Halving>());
  options.callbacks.push_back(std::make_unique<GradientKeeper>(result));
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok() && (*trainer)->fit().ok());

  Perceptron plain(at::kDouble);
  {
    const at::NoGradGuard no_grad;
    plain.first.copy_(model.first);
    plain.second.copy_(model.second);
  }
  Batch kept;
  for (const auto& [name, tensor] : batch) {
    kept.set(name, at::cat({tensor.slice(0, 0, 2), tensor.slice(0, 4, 6)}));
  }
  plain.loss(plain.forward(kept), kept).total().backward();
  EXPECT_LT(relative_error(result.gradients[0], plain.first.grad()), 1e-14);
  EXPECT_LT(relative_error(result.gradients[1], plain.second.grad()), 1e-14);
}

}  // namespace
}  // namespace composer
