#include "algorithms/ema_distillation.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "algorithms/agreement.h"
#include "composer/base/status.h"
#include "composer/core/loss.h"
#include "composer/core/state.h"
#include "composer/data/batches_loader.h"
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

TEST(Consistency, GivesTheValuesAndGradientsOfMeanTeachersCode) {
  for (const auto& [name, class_dim] :
       {std::pair("samples", 1), std::pair("tokens", 2), std::pair("pixels", 1)}) {
    const auto tensor = [name = std::string(name)](const char* what) {
      return golden("teacher/" + name + "/" + what);
    };
    const at::Tensor student = tensor("student").requires_grad_(), teacher = tensor("teacher");
    const Positions positions{.class_dim = class_dim};
    const at::Tensor mse = probability_mse(student, teacher, positions);
    const at::Tensor kl = kl_divergence(student, teacher, positions);
    EXPECT_THAT(mse.detach(), IsNear(tensor("mse"), 1e-6)) << name;
    EXPECT_THAT(kl.detach(), IsNear(tensor("kl"), 1e-6)) << name;
    (mse + kl).backward();
    EXPECT_THAT(student.grad(), IsNear(tensor("gradient"), 1e-6)) << name;
  }
}

TEST(ConsistencyRamp, IsMeanTeachers) {
  const at::Tensor rows = golden("teacher/ramp");
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const double* row = rows[i].const_data_ptr<double>();
    EXPECT_NEAR(consistency_ramp(row[0], row[1]), row[2], 1e-8) << row[0] << " of " << row[1];
  }
  EXPECT_EQ(consistency_ramp(0, 0), 1);
}

TEST(TeacherSmoothing, IsMeanTeachers) {
  const at::Tensor rows = golden("teacher/smoothing");
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const double* row = rows[i].const_data_ptr<double>();
    EXPECT_NEAR(teacher_smoothing(static_cast<int64_t>(row[0]), row[1]), row[2], 1e-8) << row[0];
  }
}

class LossKeeper final : public Callback {
 public:
  explicit LossKeeper(std::vector<float>* losses) : losses_(losses) {}
  void before_backward(State& state, Logger&) override {
    losses_->push_back(state.loss.total().item<float>());
  }

 private:
  std::vector<float>* const losses_;
};

std::unique_ptr<Trainer> fitted(TrainerOptions options, const EmaDistillationOptions* distillation,
                                std::vector<float>* losses = nullptr) {
  if (distillation != nullptr) {
    options.algorithms.push_back(std::make_unique<EmaDistillation>(*distillation));
  }
  if (losses != nullptr) options.callbacks.push_back(std::make_unique<LossKeeper>(losses));
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->fit();
  EXPECT_TRUE(status.ok()) << status;
  return *std::move(trainer);
}

at::Tensor teacher_of(const Trainer& trainer) {
  return *(*trainer.state().algorithms.front()->state_dict().child("average"))->tensor("weight");
}

TEST(EmaDistillation, GivesTheLossesAndWeightsOfARunByPyTorch) {
  const auto model = std::make_shared<TinyModel>();
  {
    const at::NoGradGuard no_grad;
    model->weight.copy_(golden("teacher_run/weight"));
  }
  const at::Tensor inputs = golden("teacher_run/inputs"), targets = golden("teacher_run/targets");
  std::vector<Batch> batches;
  for (int64_t i = 0; i < inputs.size(0); ++i) {
    batches.push_back({{"input", inputs[i]}, {"target", targets[i]}});
  }
  TrainerOptions options;
  options.model = model;
  options.train = std::make_shared<BatchesLoader>(std::move(batches));
  options.max_duration = "8ba";
  options.optimizers = {plain_sgd(0.5)};
  const EmaDistillationOptions distillation{.weight = 3, .ramp_up = 0.5, .smoothing = 0.7};
  std::vector<float> losses;
  const auto trainer = fitted(std::move(options), &distillation, &losses);
  const at::Tensor expected = golden("teacher_run/losses");
  ASSERT_EQ(static_cast<int64_t>(losses.size()), expected.numel());
  for (size_t i = 0; i < losses.size(); ++i) {
    EXPECT_NEAR(losses[i], expected[static_cast<int64_t>(i)].item<double>(), 1e-5) << i;
  }
  EXPECT_THAT(model->weight.detach(), IsNear(golden("teacher_run/student"), 1e-5));
  EXPECT_THAT(teacher_of(*trainer), IsNear(golden("teacher_run/teacher"), 1e-5));
}

TrainerOptions tiny_options(Precision precision = Precision::kFp32) {
  at::manual_seed(3);
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(24, 6);
  options.max_duration = "4ba";
  options.optimizers = {plain_sgd(0.5)};
  options.precision = precision;
  options.allow_slow_precision = true;
  return options;
}

at::Tensor weight_of(const Trainer& trainer) {
  return trainer.state().model->named_parameters()["weight"].detach();
}

// Weights that were cast for the teacher must not be those of the model.
TEST(EmaDistillation, WithoutWeightChangesNothingInAnyPrecision) {
  const EmaDistillationOptions none{.weight = 0};
  for (const Precision precision : {Precision::kFp32, Precision::kAmpBf16, Precision::kBf16}) {
    const auto with = fitted(tiny_options(precision), &none);
    const auto without = fitted(tiny_options(precision), nullptr);
    EXPECT_THAT(weight_of(*with), IsExactly(weight_of(*without)));
  }
}

TEST(EmaDistillation, TheFirstBatchAgreesWithItsTeacher) {
  TrainerOptions options = tiny_options();
  options.max_duration = "1ba";
  const EmaDistillationOptions full{.weight = 100, .ramp_up = 0};
  std::vector<float> with, without;
  const auto trainer = fitted(std::move(options), &full, &with);
  options = tiny_options();
  options.max_duration = "1ba";
  fitted(std::move(options), nullptr, &without);
  EXPECT_EQ(with, without);
  // Half of the way after the first batch.
  at::manual_seed(3);
  const at::Tensor start = TinyModel().weight.detach();
  EXPECT_THAT(teacher_of(*trainer), IsNear((start + weight_of(*trainer)) / 2, 1e-6));
}

TEST(EmaDistillation, AModelThatThrowsHasItsOwnWeightsBack) {
  class Fails final : public TinyModel {
   public:
    Outputs forward(const Batch& batch) override {
      TORCH_CHECK(is_training(), "the test");
      return TinyModel::forward(batch);
    }
  };
  TrainerOptions options = tiny_options();
  const auto model = std::make_shared<Fails>();
  const at::Tensor before = model->weight.detach().clone();
  options.model = model;
  options.algorithms.push_back(std::make_unique<EmaDistillation>());
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->fit();
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("EmaDistillation at before_forward"));
  EXPECT_THAT(model->weight.detach(), IsExactly(before));
  EXPECT_TRUE(model->is_training());
}

TEST(EmaDistillation, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  config::EmaDistillation config;
  const EmaDistillationOptions options;
  EXPECT_EQ(config.weight(), options.weight);
  EXPECT_EQ(config.ramp_up(), options.ramp_up);
  EXPECT_EQ(config.smoothing(), options.smoothing);
  EXPECT_EQ(config.consistency(), config::EmaDistillation::MSE);
  EXPECT_TRUE(EmaDistillation::create(config).ok());
  config.set_weight(-1);
  EXPECT_EQ(field_of(EmaDistillation::create(config).status()), "weight");
  config.clear_weight();
  config.set_ramp_up(1.5);
  EXPECT_EQ(field_of(EmaDistillation::create(config).status()), "ramp_up");
  config.clear_ramp_up();
  config.set_smoothing(1);
  EXPECT_EQ(field_of(EmaDistillation::create(config).status()), "smoothing");
}

}  // namespace
}  // namespace composer
