#include "composer/callbacks/reduce_lr_on_plateau.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "composer/base/status.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "google/protobuf/text_format.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::PlainSgd;
using testing::TinyLoader;
using testing::TinyModel;

absl::StatusOr<std::unique_ptr<ReduceLROnPlateau>> build(const std::string& text) {
  config::ReduceLROnPlateau config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return ReduceLROnPlateau::create(config);
}

std::unique_ptr<ReduceLROnPlateau> make(const std::string& text) {
  auto callback = build("monitor: 'metrics/eval/accuracy' " + text);
  EXPECT_TRUE(callback.ok()) << callback.status();
  return *std::move(callback);
}

TEST(ReduceLROnPlateauTest, ReducesWherePyTorchDoes) {
  std::ifstream file("tests/golden/optim/plateaus.txt");
  std::unique_ptr<Trainer> trainer;
  ReduceLROnPlateau* callback = nullptr;
  std::string name;
  int numbers = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.substr(0, 5) == "case ") {
      name = line.substr(5);
      TrainerOptions options;
      options.model = std::make_shared<TinyModel>();
      options.optimizers = {testing::plain_sgd(1)};
      options.max_duration = "1ep";
      options.callbacks.push_back(make(name));
      callback = static_cast<ReduceLROnPlateau*>(options.callbacks[0].get());
      auto created = Trainer::create(std::move(options));
      ASSERT_TRUE(created.ok()) << created.status();
      trainer = *std::move(created);
      continue;
    }
    std::istringstream fields(line);
    std::string text;
    double value = 0, expected = 0;
    fields >> text >> expected;
    ASSERT_TRUE(absl::SimpleAtod(text, &value)) << line;
    callback->observe(value);
    const State& state = trainer->state();
    EXPECT_NEAR(scheduled_lr(state.optimizers[0]->groups()[0], state.schedulers, state.clock()),
                expected, 1e-15)
        << name << " after " << line;
    ++numbers;
  }
  EXPECT_GT(numbers, 500);
}

// Puts numbers of its own in the place of an evaluation's.
class Scripted final : public Callback {
 public:
  explicit Scripted(std::vector<double> values) : values_(std::move(values)) {}
  void eval_end(State& state, Logger& logger) override {
    state.eval_metrics["eval"] = {
        {"accuracy", values_.at(static_cast<size_t>(state.timestamp.epoch - 1))}};
  }

 private:
  const std::vector<double> values_;
};

class Halving final : public Scheduler {
 public:
  double multiplier(const ScheduleClock& clock) const override {
    return clock.now.epoch < 2 ? 1 : 0.5;
  }
};

// Epochs of two batches, an evaluation after each.
std::unique_ptr<Trainer> trainer_with(const std::string& callback, std::vector<double> accuracies,
                                      std::vector<double>** used, const std::string& max_duration) {
  seed_everything(3);
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(8, 4);
  options.max_duration = max_duration;
  options.evaluators = {{.data = std::make_shared<TinyLoader>(4, 4)}};
  options.optimizers = {
      [used](std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
        auto sgd = std::make_unique<PlainSgd>(std::move(parameters), 0.5);
        if (used != nullptr) *used = &sgd->used;
        return sgd;
      }};
  if (!accuracies.empty()) options.callbacks.push_back(std::make_unique<Scripted>(accuracies));
  auto plateau = build(callback);
  EXPECT_TRUE(plateau.ok()) << plateau.status();
  options.callbacks.push_back(*std::move(plateau));
  options.schedulers.push_back(std::make_unique<Halving>());
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

constexpr char kAccuracy[] = "monitor: 'metrics/eval/accuracy' mode: MAX factor: 0.1 patience: 0";

TEST(ReduceLROnPlateauTest, ActsOnTheNextBatchTogetherWithTheSchedulers) {
  std::vector<double>* used = nullptr;
  const auto trainer = trainer_with(kAccuracy, {0.5, 0.4, 0.6, 0.6}, &used, "4ep");
  ASSERT_TRUE(trainer->fit().ok());
  ASSERT_EQ(used->size(), 8u);
  const std::vector<double> expected = {0.5, 0.5, 0.5, 0.5, 0.025, 0.025, 0.025, 0.025};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR((*used)[i], expected[i], 1e-15) << i;
}

TEST(ReduceLROnPlateauTest, EvaluationsOutsideOfTrainingDoNotCount) {
  std::vector<double>* used = nullptr;
  const auto trainer = trainer_with(kAccuracy, {0.5, 0.6, 0.7, 0.8}, &used, "1ep");
  ASSERT_TRUE(trainer->fit().ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(trainer->eval().ok());
  ASSERT_TRUE(trainer->fit({.duration = "1ep"}).ok());
  EXPECT_EQ(*used, (std::vector<double>{0.5, 0.5, 0.5, 0.5}));
}

TEST(ReduceLROnPlateauTest, GoesOnFromASnapshotAsIfUnbroken) {
  const std::vector<double> accuracies = {0.5, 0.4, 0.3, 0.6, 0.5, 0.4};
  const std::string callback = std::string(kAccuracy) + " cooldown: 1";
  std::vector<double>*unbroken = nullptr, *resumed = nullptr;
  const auto whole = trainer_with(callback, accuracies, &unbroken, "6ep");
  ASSERT_TRUE(whole->fit().ok());
  for (int epochs = 1; epochs < 6; ++epochs) {
    const auto first = trainer_with(callback, accuracies, nullptr, std::to_string(epochs) + "ep");
    ASSERT_TRUE(first->fit().ok());
    const auto second = trainer_with(callback, accuracies, &resumed, "6ep");
    ASSERT_TRUE(second->load_state_dict(first->state_dict()).ok());
    ASSERT_TRUE(second->fit().ok());
    EXPECT_EQ(*resumed, std::vector<double>(unbroken->begin() + 2 * epochs, unbroken->end()))
        << epochs;
  }
  EXPECT_NEAR(unbroken->back(), 0.5 * 0.5 * 0.1 * 0.1, 1e-15);
}

TEST(ReduceLROnPlateauTest, MonitorsTheMeanTrainingLossOfAnEpoch) {
  std::vector<double>* used = nullptr;
  // A loss that must fall to a thousandth in each epoch: it does not.
  const auto trainer = trainer_with(
      "monitor: 'loss/train/total' threshold: 0.999 patience: 0 factor: 0.5", {}, &used, "3ep");
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(*used, (std::vector<double>{0.5, 0.5, 0.5, 0.5, 0.125, 0.125}));
  // In the middle of an epoch the sum so far is part of the state.
  const std::string monitor = "monitor: 'loss/train/total' patience: 0 threshold: 0";
  const auto part = trainer_with(monitor, {}, nullptr, "3ba");
  ASSERT_TRUE(part->fit().ok());
  const auto rest = trainer_with(monitor, {}, nullptr, "2ep");
  ASSERT_TRUE(rest->load_state_dict(part->state_dict()).ok());
  ASSERT_TRUE(rest->fit().ok());
  const auto whole = trainer_with(monitor, {}, nullptr, "2ep");
  ASSERT_TRUE(whole->fit().ok());
  EXPECT_TRUE(rest->state().callbacks[0]->state_dict().identical(
      whole->state().callbacks[0]->state_dict()));
}

TEST(ReduceLROnPlateauTest, KeepsEachGroupAboveTheLeastLearningRate) {
  const auto callback = make("factor: 0.1 patience: 0 min_lr: 0.02");
  State state;
  Logger logger;
  callback->init(state, logger);
  ASSERT_EQ(state.schedulers.size(), 1u);
  for (int i = 0; i < 5; ++i) callback->observe(1);
  ParameterGroup group;
  for (const auto& [initial, expected] : std::vector<std::pair<double, double>>{
           {0.5, 0.02}, {0.05, 0.02}, {0.02, 0.02}, {0.01, 0.01}, {0, 0}, {1e6, 100}}) {
    group.initial_lr = initial;
    EXPECT_NEAR(scheduled_lr(group, state.schedulers, {}), expected, 1e-12) << initial;
  }
}

TEST(ReduceLROnPlateauTest, RefusesWhatIsNotThere) {
  const auto refused = [](const std::string& monitor) {
    const absl::Status status = build("monitor: '" + monitor + "'").status();
    EXPECT_EQ(field_of(status), "monitor") << monitor;
    return std::string(status.message());
  };
  for (const char* monitor : {"accuracy", "metrics/eval", "metrics//x", "loss/train/", ""}) {
    EXPECT_NE(refused(monitor).find("metrics/eval/accuracy"), std::string::npos) << monitor;
  }
  EXPECT_NE(refused("metrics/train/accuracy").find("loss/train/total"), std::string::npos);
  EXPECT_EQ(field_of(build("monitor: 'loss/train/total' factor: 1").status()), "factor");

  const auto fit = [](const std::string& monitor) {
    const absl::Status status =
        trainer_with("monitor: '" + monitor + "'", {}, nullptr, "1ep")->fit();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    return std::string(status.message());
  };
  EXPECT_NE(
      fit("metrics/eval/acuracy").find("has no metric \"acuracy\" to monitor; it has accuracy"),
      std::string::npos);
  EXPECT_NE(fit("loss/train/rank").find("no term \"rank\""), std::string::npos);
}

}  // namespace
}  // namespace composer
