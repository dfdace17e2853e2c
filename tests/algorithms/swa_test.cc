#include "algorithms/swa.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "composer/base/status.h"
#include "composer/core/state.h"
#include "composer/optim/schedules/constant.h"
#include "composer/optim/sgd.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/algorithms/weight_runs.h"
#include "tests/testing/resume.h"

namespace composer {
namespace {

using testing::expect_composers_run;
using testing::expect_near_run;
using testing::IsExactly;
using testing::IsNear;
using testing::list_of;
using testing::run_options;
using testing::weight_run;
using testing::weights_of;

SwaOptions between(double start, double end) {
  return SwaOptions{.swa_start = Time::duration(start),
                    .swa_end = Time::duration(end),
                    .update_interval = Time::batches(2)};
}

TEST(UpdateAverage, IsTheMeanOfAllThatCame) {
  const std::vector<at::Tensor> averages = {at::tensor({1.f, 2.f}), at::tensor({1L})};
  update_average({at::tensor({3.f, 2.f}), at::tensor({5L})}, averages, 1);
  update_average({at::tensor({5.f, -1.f}), at::tensor({9L})}, averages, 2);
  EXPECT_THAT(averages[0], IsNear(at::tensor({3.f, 1.f}), 1e-6));
  EXPECT_THAT(averages[1], IsExactly(at::tensor({9L})));
}

TEST(AnnealedLr, IsThatOfPyTorch) {
  for (const auto& [annealing, name] :
       {std::pair(Annealing::kLinear, "linear"), std::pair(Annealing::kCosine, "cos")}) {
    const at::Tensor expected = weight_run(std::string("swa_lr/") + name);
    for (int64_t updates = 0; updates < expected.size(0); ++updates) {
      EXPECT_NEAR(annealed_lr(annealing, 0.4, 0.2, updates, 5), expected[updates][0].item<double>(),
                  1e-8);
      EXPECT_NEAR(annealed_lr(annealing, 0.1, 0.2, updates, 5), expected[updates][1].item<double>(),
                  1e-8);
    }
  }
}

TEST(Swa, GivesComposersLossesAndModel) {
  auto algorithm = std::make_unique<Swa>(between(0.3, 0.8));
  const Swa* const swa = algorithm.get();
  const auto trainer = expect_composers_run("swa", list_of(std::move(algorithm)));
  expect_near_run(weights_of(*trainer), "swa/final");
  EXPECT_EQ(swa->averaged(), 6);  // after batches 6, 8 .. 16
}

class LrRecorder final : public Callback {
 public:
  explicit LrRecorder(std::vector<double>* rates) : rates_(rates) {}
  void batch_start(State& state, Logger&) override {
    rates_->push_back(state.optimizers.front()->groups().front().lr);
  }

 private:
  std::vector<double>* const rates_;
};

std::vector<double> rates_of(SwaOptions options, std::unique_ptr<Scheduler> scheduler) {
  std::vector<double> rates;
  TrainerOptions run = run_options(list_of(std::make_unique<Swa>(options)));
  run.max_duration = "10ba";
  if (scheduler != nullptr) run.schedulers.push_back(std::move(scheduler));
  run.callbacks.push_back(std::make_unique<LrRecorder>(&rates));
  auto trainer = Trainer::create(std::move(run));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_TRUE((*trainer)->fit().ok());
  return rates;
}

TEST(Swa, AnnealsTheLearningRateBetweenItsTimesOnly) {
  SwaOptions options = between(0.2, 0.8);
  options.schedule_swa_lr = true;
  options.swa_lr = 0.1;
  options.anneal_steps = 2;
  // Updates after batches 2, 4 and 6; the end after 8.
  const std::vector<double> expected = {0.2, 0.2, 0.15, 0.15, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2};
  EXPECT_THAT(rates_of(options, nullptr),
              ::testing::Pointwise(::testing::DoubleNear(1e-12), expected));
  EXPECT_THAT(rates_of(options, std::make_unique<ConstantSchedule>(ConstantOptions{.alpha = 1})),
              ::testing::Pointwise(::testing::DoubleNear(1e-12), expected));
}

TEST(Swa, LeavesTheLearningRateAloneUnlessAsked) {
  EXPECT_THAT(rates_of(between(0.2, 0.8), nullptr), ::testing::Each(0.2));
}

TEST(Swa, GoesOnFromACheckpointWithTheSameBits) {
  for (const bool schedule_swa_lr : {false, true}) {
    testing::expect_exact_resume(
        [&] {
          SwaOptions options{.swa_start = Time::duration(0.25),
                             .swa_end = Time::duration(0.75),
                             .update_interval = Time::batches(2),
                             .schedule_swa_lr = schedule_swa_lr,
                             .anneal_strategy = Annealing::kCosine,
                             .anneal_steps = 3};
          if (schedule_swa_lr) options.swa_lr = 0.05;
          TrainerOptions run = run_options(list_of(std::make_unique<Swa>(options)));
          run.max_duration = "8ba";
          return run;
        },
        {{{Event::kBatchEnd, 1}},
         {{Event::kBatchEnd, 3}},
         {{Event::kEvalBatchEnd, 4}},
         {{Event::kBatchEnd, 6}},
         {{Event::kBatchEnd, 2}, {Event::kBatchEnd, 7}}});
  }
}

absl::Status status_of(void (*fill)(config::Swa&)) {
  config::Swa config;
  fill(config);
  return Swa::create(config).status();
}

TEST(Swa, TakesItsDefaults) {
  EXPECT_TRUE(status_of([](config::Swa&) {}).ok());
}

TEST(Swa, RefusesSettingsThatMakeNoSense) {
  EXPECT_EQ(field_of(status_of([](config::Swa& config) { config.set_swa_start("3ba"); })),
            "swa_start");
  EXPECT_EQ(field_of(status_of([](config::Swa& config) { config.set_swa_start("1ep"); })),
            "swa_end");
  EXPECT_EQ(field_of(status_of([](config::Swa& config) { config.set_swa_end("0.5dur"); })),
            "swa_end");
  EXPECT_EQ(field_of(status_of([](config::Swa& config) { config.set_swa_end("1.5dur"); })),
            "swa_end");
  EXPECT_EQ(field_of(status_of([](config::Swa& config) { config.set_update_interval("9sp"); })),
            "update_interval");
  EXPECT_EQ(field_of(status_of([](config::Swa& config) { config.set_anneal_steps(0); })),
            "anneal_steps");
  EXPECT_EQ(field_of(status_of([](config::Swa& config) { config.set_schedule_swa_lr(true); })),
            "swa_lr");
  EXPECT_EQ(field_of(status_of([](config::Swa& config) { config.set_swa_lr(0.1); })), "swa_lr");
}

}  // namespace
}  // namespace composer
