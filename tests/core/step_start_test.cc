#include "composer/core/step_start.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>

#include "composer/core/model.h"

namespace composer {
namespace {

class NormModel final : public ComposerModel {
 public:
  NormModel() {
    norm = register_module("norm", torch::nn::BatchNorm1d(3));
    calls = register_buffer("calls", at::zeros({}, at::kLong));
  }
  Outputs forward(const Batch& batch) override {
    calls.add_(1);
    return {{"logits", norm->forward(batch.at("input"))}};
  }
  Loss loss(const Outputs& outputs, const Batch&) override { return outputs.at("logits").sum(); }

  torch::nn::BatchNorm1d norm = nullptr;
  at::Tensor calls;
};

std::vector<at::Tensor> cloned_buffers(const NormModel& model) {
  std::vector<at::Tensor> buffers;
  for (const at::Tensor& buffer : model.buffers()) buffers.push_back(buffer.clone());
  return buffers;
}

void expect_buffers(const NormModel& model, const std::vector<at::Tensor>& expected) {
  const std::vector<at::Tensor> buffers = model.buffers();
  ASSERT_EQ(buffers.size(), expected.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_TRUE(at::equal(buffers[i], expected[i])) << "buffer " << i;
  }
}

Batch batch() { return {{"input", at::arange(12, at::kFloat).view({4, 3})}}; }

// Draws of every kind: an odd number of normal ones leaves one of a pair behind, for each type.
std::vector<at::Tensor> draws() {
  return {at::randn({3}, at::kFloat), at::randn({3}, at::kDouble), at::rand({5}), at::randperm(7)};
}

void expect_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << "draw " << i;
}

// The version counters of running statistics stand still, so this would fail if they were relied
// on.
TEST(StepStart, PutsBuffersBackThatKernelsChangeBehindTheirVersionCounters) {
  NormModel model;
  StepStart start(model, at::kCPU);
  for (int step = 0; step < 3; ++step) {
    start.save();
    const std::vector<at::Tensor> before = cloned_buffers(model);
    for (int attempt = 0; attempt < 2; ++attempt) {
      model.forward(batch());
      model.forward(batch());
      EXPECT_FALSE(at::equal(model.norm->running_mean, before[0]));
      start.restore();
      expect_buffers(model, before);
    }
    model.forward(batch());
    EXPECT_EQ(model.calls.item<int64_t>(), step + 1);
  }
}

TEST(StepStart, TheSameNumbersAreDrawnAgain) {
  NormModel model;
  StepStart start(model, at::kCPU);
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_current_seed(5);
  for (int step = 0; step < 3; ++step) {
    start.save();
    const std::vector<at::Tensor> first = draws();
    start.restore();
    expect_equal(draws(), first);
    start.restore();
    expect_equal(draws(), first);
  }
}

TEST(StepStart, KeepsTheSecondOfAPairOfNormalNumbers) {
  NormModel model;
  StepStart start(model, at::kCPU);
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const auto one = [](at::ScalarType type) { return at::empty({1}, type).normal_(); };
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    generator.set_current_seed(5);
    one(type);  // its twin is what comes next, without a draw
    start.save();
    const at::Tensor twin = one(type), after = one(type);
    start.restore();
    EXPECT_TRUE(at::equal(one(type), twin)) << type;
    EXPECT_TRUE(at::equal(one(type), after)) << type;

    // And what is kept at a restore does not stay when there was nothing at the save.
    generator.set_current_seed(6);
    start.save();
    const at::Tensor first = one(type);
    start.restore();
    EXPECT_TRUE(at::equal(one(type), first)) << type;
  }
}

TEST(StepStart, AModelWithoutBuffersHasOnlyItsRandomNumbersBack) {
  class Bare final : public ComposerModel {
    Outputs forward(const Batch&) override { return {}; }
    Loss loss(const Outputs&, const Batch&) override { return {}; }
  };
  StepStart start(Bare(), at::kCPU);
  start.save();
  const at::Tensor first = at::rand({3});
  start.restore();
  EXPECT_TRUE(at::equal(at::rand({3}), first));
}

}  // namespace
}  // namespace composer
