#include "algorithms/lookahead.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/algorithms/weight_runs.h"
#include "tests/testing/resume.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::IsNear;
using testing::list_of;
using testing::PlainSgd;
using testing::run_options;

TEST(LookAhead, MovesTheSlowWeightsAndTakesTheFastOnesAlong) {
  const std::vector<at::Tensor> slow = {at::tensor({1.f, 0.f}), at::zeros({1})};
  const std::vector<at::Tensor> fast = {at::tensor({3.f, -4.f}), at::ones({1})};
  look_ahead(slow, fast, 0.25);
  EXPECT_THAT(slow[0], IsNear(at::tensor({1.5f, -1.f}), 1e-6));
  EXPECT_THAT(slow[1], IsNear(at::full({1}, 0.25f), 1e-6));
  EXPECT_TRUE(at::equal(fast[0], slow[0]) && at::equal(fast[1], slow[1]));
  EXPECT_THROW(look_ahead(slow, {}, 0.25), c10::ValueError);
}

// The paper's algorithm 1 on the loss w^2 / 2, whose gradient is w.
TEST(Lookahead, IsThePapersAlgorithm) {
  const double lr = 0.1, alpha = 0.3;
  const int64_t k = 3;
  const at::Tensor weight = at::full({1}, 2.0, at::kDouble).requires_grad_();
  State state;
  state.optimizers.push_back(
      std::make_unique<PlainSgd>(std::vector<NamedParameter>{{"w", weight}}, lr));
  Logger logger;
  Lookahead lookahead({.k = k, .alpha = alpha});
  const auto fire = [&](Event event) {
    if (lookahead.match(event, state)) lookahead.apply(event, state, logger);
  };
  double slow = 2, fast = 2;
  for (int64_t batch = 1; batch <= 10; ++batch) {
    fire(Event::kBatchStart);
    weight.mutable_grad() = weight.detach().clone();
    state.optimizers.front()->update();
    state.timestamp = state.timestamp.next_batch(1);
    fire(Event::kBatchEnd);
    fast -= lr * fast;
    if (batch % k == 0) fast = slow += alpha * (fast - slow);
    EXPECT_NEAR(weight.item<double>(), fast, 1e-12) << batch;
  }
}

TEST(Lookahead, GoesOnFromACheckpointWithTheSameBits) {
  testing::expect_exact_resume(
      [] {
        TrainerOptions options =
            run_options(list_of(std::make_unique<Lookahead>(LookaheadOptions{.k = 3})));
        options.max_duration = "8ba";
        return options;
      },
      {{{Event::kBatchEnd, 1}},
       {{Event::kBatchEnd, 3}},
       {{Event::kBatchEnd, 2}, {Event::kBatchEnd, 5}}});
}

TEST(Lookahead, SlowWeightsOfAnotherModelAreRefused) {
  State state;
  state.optimizers.push_back(std::make_unique<PlainSgd>(
      std::vector<NamedParameter>{{"w", at::ones({2}).requires_grad_()}}, 0.1));
  Logger logger;
  Lookahead lookahead({.k = 1});
  StateDict loaded;
  loaded.set("w", at::ones({3}));
  ASSERT_TRUE(lookahead.load_state_dict(loaded).ok());
  EXPECT_THROW(lookahead.apply(Event::kBatchEnd, state, logger), c10::ValueError);
}

TEST(Lookahead, RefusesSettingsThatMakeNoSense) {
  config::Lookahead config;
  EXPECT_TRUE(Lookahead::create(config).ok());
  config.set_k(0);
  EXPECT_EQ(field_of(Lookahead::create(config).status()), "k");
  config.set_k(1);
  for (const double alpha : {0.0, 1.5}) {
    config.set_alpha(alpha);
    EXPECT_EQ(field_of(Lookahead::create(config).status()), "alpha");
  }
}

}  // namespace
}  // namespace composer
