#include "algorithms/gradient_noise.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/golden.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::golden;
using testing::IsExactly;
using testing::IsNear;
using testing::PlainSgd;

TEST(GradientNoiseSigma, IsThatOfThePaper) {
  const at::Tensor rows = golden("noise/sigma");
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const double* row = rows[i].const_data_ptr<double>();
    EXPECT_NEAR(gradient_noise_sigma(static_cast<int64_t>(row[0]), row[1], row[2]), row[3], 1e-8);
  }
}

TEST(AddGradientNoise, AddsSigmaTimesTheNoiseInPlace) {
  const std::vector<at::Tensor> gradients = {at::ones({2, 3}), at::zeros({4})};
  const std::vector<at::Tensor> noise = {at::full({2, 3}, 2.f), at::ones({4})};
  add_gradient_noise(gradients, noise, 0.5);
  EXPECT_THAT(gradients[0], IsNear(at::full({2, 3}, 2.f), 1e-6));
  EXPECT_THAT(gradients[1], IsNear(at::full({4}, 0.5f), 1e-6));
  add_gradient_noise({}, {}, 0.5);
}

// Gradients of zero after the algorithm.
std::vector<at::Tensor> noise_of(const GradientNoiseOptions& options, int64_t batch) {
  const at::Tensor a = at::zeros({100, 50}).requires_grad_(), b = at::zeros({30}).requires_grad_();
  const at::Tensor unused = at::zeros({2}).requires_grad_();
  a.mutable_grad() = at::zeros({100, 50});
  b.mutable_grad() = at::zeros({30});
  State state;
  Logger logger;
  state.timestamp.batch = batch;
  state.optimizers.push_back(
      std::make_unique<PlainSgd>(std::vector<NamedParameter>{{"a", a}, {"unused", unused}}, 0.1));
  state.optimizers.push_back(
      std::make_unique<PlainSgd>(std::vector<NamedParameter>{{"b", b}}, 0.1));
  GradientNoise algorithm(options);
  EXPECT_TRUE(algorithm.match(Event::kAfterTrainBatch, state));
  algorithm.apply(Event::kAfterTrainBatch, state, logger);
  EXPECT_FALSE(unused.grad().defined());
  return {a.grad(), b.grad()};
}

TEST(GradientNoise, IsNormalAndFallsWithTheBatches) {
  for (const int64_t batch : {0, 999}) {
    const std::vector<at::Tensor> noise = noise_of({.eta = 0.3, .gamma = 0.55}, batch);
    const double sigma = std::sqrt(0.3 / std::pow(1.0 + static_cast<double>(batch), 0.55));
    EXPECT_NEAR(noise[0].std().item<double>(), sigma, 0.05 * sigma);
    EXPECT_NEAR(noise[0].mean().item<double>(), 0, 0.06 * sigma);
    EXPECT_GT(noise[1].abs().max().item<double>(), 0);
  }
}

TEST(GradientNoise, DrawsAnewForEachBatchAndTheSameForTheSame) {
  EXPECT_THAT(noise_of({}, 3)[0], IsExactly(noise_of({}, 3)[0]));
  const at::Tensor later = noise_of({.gamma = 0}, 4)[0];
  EXPECT_FALSE(at::equal(noise_of({.gamma = 0}, 3)[0], later));
}

TEST(GradientNoise, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  config::GradientNoise config;
  EXPECT_EQ(config.eta(), GradientNoiseOptions().eta);
  EXPECT_EQ(config.gamma(), GradientNoiseOptions().gamma);
  EXPECT_TRUE(GradientNoise::create(config).ok());
  config.set_eta(-1);
  EXPECT_EQ(field_of(GradientNoise::create(config).status()), "eta");
  config.set_eta(0);
  config.set_gamma(std::nan(""));
  EXPECT_EQ(field_of(GradientNoise::create(config).status()), "gamma");
}

}  // namespace
}  // namespace composer
