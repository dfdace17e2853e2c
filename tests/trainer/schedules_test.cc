// How the trainer applies schedules: to which groups, in which runs.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "composer/base/status.h"
#include "composer/optim/schedules/for_groups.h"
#include "composer/optim/schedules/linear.h"
#include "composer/optim/schedules/step.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::TinyLoader;
using testing::TinyModel;

// Epochs of 4 batches; `rates` gets the learning rate of each group at each step.
class Rates final : public Callback {
 public:
  explicit Rates(std::vector<std::vector<double>>* rates) : rates_(rates) {}
  void batch_start(State& state, Logger& logger) override {
    rates_->emplace_back();
    for (const auto& group : state.optimizers[0]->groups()) rates_->back().push_back(group.lr);
  }

 private:
  std::vector<std::vector<double>>* rates_;
};

TrainerOptions options_of(const std::string& max_duration,
                          std::vector<std::vector<double>>* rates) {
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(16, 4);
  options.max_duration = max_duration;
  options.optimizers = {
      [](std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
        auto optimizer = std::make_unique<testing::PlainSgd>(std::move(parameters), 0.25);
        optimizer->groups()[0].pattern = "weight";
        return optimizer;
      }};
  options.callbacks.push_back(std::make_unique<Rates>(rates));
  return options;
}

std::unique_ptr<Scheduler> for_group(const std::string& pattern) {
  return std::make_unique<ForGroupsSchedule>(std::vector<std::string>{pattern},
                                             std::make_unique<LinearSchedule>(LinearOptions{}));
}

TEST(TrainerSchedules, AGroupHasTheSchedulesThatAreForIt) {
  std::vector<std::vector<double>> rates;
  TrainerOptions options = options_of("1ep", &rates);
  options.schedulers.push_back(for_group("weight"));
  options.schedulers.push_back(
      std::make_unique<StepSchedule>(StepOptions{.step_size = Time::batches(2), .gamma = 0.5}));
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  ASSERT_TRUE((*trainer)->fit().ok());
  EXPECT_EQ(rates, (std::vector<std::vector<double>>{{0.25}, {0.1875}, {0.0625}, {0.03125}}));
}

TEST(TrainerSchedules, AGroupThatDoesNotExistIsRefusedBeforeTraining) {
  std::vector<std::vector<double>> rates;
  TrainerOptions options = options_of("1ep", &rates);
  options.schedulers.push_back(for_group("bias"));
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_EQ(field_of((*trainer)->check_scheduler(0)), "patterns[0]");
  const absl::Status status = (*trainer)->fit();
  EXPECT_EQ(field_of(status), "schedulers[0].patterns[0]") << status;
  EXPECT_TRUE(rates.empty());
}

TEST(TrainerSchedules, TheScaleRatioStretchesRunAndSchedule) {
  const auto rates_of = [](const std::string& max_duration, double ratio, Time step_size) {
    std::vector<std::vector<double>> rates;
    TrainerOptions options = options_of(max_duration, &rates);
    options.scale_schedule_ratio = ratio;
    options.schedulers.push_back(
        std::make_unique<StepSchedule>(StepOptions{.step_size = step_size, .gamma = 0.5}));
    auto trainer = Trainer::create(std::move(options));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    EXPECT_TRUE((*trainer)->fit().ok());
    return rates;
  };
  const auto longer = rates_of("2ep", 1.5, Time::batches(2));
  EXPECT_EQ(longer.size(), 12u);
  EXPECT_EQ(longer, rates_of("3ep", 1, Time::batches(3)));
  EXPECT_EQ(rates_of("8ba", 0.5, Time::epochs(1)), rates_of("4ba", 1, Time::batches(2)));
  EXPECT_EQ(rates_of("2ep", 2, Time::duration(0.25)), rates_of("4ep", 1, Time::duration(0.25)));
}

TEST(TrainerSchedules, AScaleRatioThatLeavesNothingToTrainIsRefused) {
  std::vector<std::vector<double>> rates;
  for (const double ratio : {0.1, 0.0, -1.0}) {
    TrainerOptions options = options_of("2ep", &rates);
    options.scale_schedule_ratio = ratio;
    const absl::Status status = Trainer::create(std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << ratio;
    EXPECT_NE(status.message().find(ratio > 0 ? "0.1 of max_duration (\"2ep\")" : "above 0"),
              absl::string_view::npos)
        << status;
  }
}

}  // namespace
}  // namespace composer
