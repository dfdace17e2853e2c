// Accuracy and CrossEntropy against PyTorch's numbers.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "composer/metrics/accuracy.h"
#include "composer/metrics/cross_entropy.h"
#include "composer/metrics/perplexity.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

const TensorDict& golden() {
  static const TensorDict tensors = testing::read_golden("tests/golden/metrics/metrics.txt");
  return tensors;
}

struct Case {
  std::string name, logits, targets;
  std::shared_ptr<Metric> metric;
};

std::vector<Case> cases() {
  const auto top = [](int64_t k, int64_t ignore = -100) {
    return std::make_shared<Accuracy>(AccuracyOptions{.top_k = k, .ignore_index = ignore});
  };
  const auto entropy = [](int64_t ignore = -100) {
    return std::make_shared<CrossEntropy>(CrossEntropyOptions{.ignore_index = ignore});
  };
  return {
      {"flat/top1", "flat/logits", "flat/targets", top(1)},
      {"flat/top3", "flat/logits", "flat/targets", top(3)},
      {"flat/ignoring_top1", "flat/logits", "flat/ignoring", top(1, 2)},
      {"flat/ignoring_top2", "flat/logits", "flat/ignoring", top(2, 2)},
      {"flat/soft_top1", "flat/logits", "flat/soft", top(1)},
      {"flat/cross_entropy", "flat/logits", "flat/targets", entropy()},
      {"flat/ignoring_cross_entropy", "flat/logits", "flat/ignoring", entropy(2)},
      {"flat/soft_cross_entropy", "flat/logits", "flat/soft", entropy()},
      {"image/top1", "image/logits", "image/targets", top(1)},
      {"image/top2", "image/logits", "image/targets", top(2)},
      {"image/cross_entropy", "image/logits", "image/targets", entropy()},
  };
}

double expected(const Case& test) { return golden().at(test.name).item<double>(); }

// Feeds samples [start, end) in batches of `size`.
void feed(Metric& metric, const Case& test, int64_t size, int64_t start, int64_t end) {
  const at::Tensor &logits = golden().at(test.logits), &targets = golden().at(test.targets);
  for (int64_t i = start; i < end; i += size) {
    metric.update(logits.slice(0, i, std::min(i + size, end)),
                  targets.slice(0, i, std::min(i + size, end)));
  }
}

int64_t samples(const Case& test) { return golden().at(test.logits).size(0); }

TEST(MetricsTest, GivePyTorchsNumbersWhateverTheBatchSize) {
  for (const Case& test : cases()) {
    for (const int64_t size : {1, 4, 36, 100}) {
      const auto metric = test.metric->fresh();
      feed(*metric, test, size, 0, samples(test));
      EXPECT_NEAR(metric->compute(), expected(test), 2e-7) << test.name << " by " << size;
    }
  }
}

TEST(MetricsTest, PartsMergeIntoTheWhole) {
  for (const Case& test : cases()) {
    const auto first = test.metric->fresh(), second = test.metric->fresh();
    feed(*first, test, 2, 0, 3);
    feed(*second, test, 10, 3, samples(test));
    first->merge(*test.metric->fresh());
    first->merge(*second);
    EXPECT_NEAR(first->compute(), expected(test), 2e-7) << test.name;
  }
}

TEST(MetricsTest, StateContinuesWhereItWas) {
  for (const Case& test : cases()) {
    const auto metric = test.metric->fresh(), restored = test.metric->fresh();
    feed(*metric, test, 2, 0, 4);
    const StateDict saved = metric->state_dict().cloned();
    feed(*metric, test, 10, 4, samples(test));
    feed(*restored, test, 5, 0, 5);
    ASSERT_TRUE(restored->load_state_dict(saved).ok());
    feed(*restored, test, 10, 4, samples(test));
    EXPECT_EQ(restored->compute(), metric->compute()) << test.name;
    ASSERT_TRUE(restored->load_state_dict(test.metric->fresh()->state_dict()).ok());
    EXPECT_TRUE(std::isnan(restored->compute()));
  }
}

TEST(MetricsTest, AreNaNBeforeTheFirstUpdateAndAfterReset) {
  for (const Case& test : cases()) {
    const auto metric = test.metric->fresh();
    EXPECT_TRUE(std::isnan(metric->compute())) << test.name;
    feed(*metric, test, 10, 0, 5);
    EXPECT_FALSE(std::isnan(metric->compute())) << test.name;
    metric->reset();
    EXPECT_TRUE(std::isnan(metric->compute())) << test.name;
  }
}

TEST(MetricsTest, LeaveNoGraphBehind) {
  const at::Tensor logits = at::randn({4, 3}).requires_grad_();
  for (const std::shared_ptr<Metric>& metric : std::vector<std::shared_ptr<Metric>>{
           std::make_shared<Accuracy>(), std::make_shared<CrossEntropy>()}) {
    metric->update(logits * 2, at::zeros({4}, at::kLong));
    const StateDict state = metric->state_dict();
    for (const auto& [name, tensor] : state.tensors()) {
      EXPECT_FALSE(tensor.requires_grad()) << name;
    }
  }
}

TEST(MetricsTest, HalfPrecisionLogitsAreSummedExactly) {
  CrossEntropy metric;
  const at::Tensor logits = at::zeros({1, 4}, at::kBFloat16), target = at::zeros({1}, at::kLong);
  for (int i = 0; i < 1000; ++i) metric.update(logits, target);
  EXPECT_NEAR(metric.compute(), std::log(4.0), 1e-7);
}

TEST(MetricsTest, ShapesThatDoNotFitAreRefused) {
  Accuracy accuracy;
  CrossEntropy entropy;
  for (Metric* metric : std::vector<Metric*>{&accuracy, &entropy}) {
    EXPECT_THROW(metric->update(at::zeros({4, 3}), at::zeros({3}, at::kLong)), c10::ValueError);
    EXPECT_THROW(metric->update(at::zeros({4, 3}), at::zeros({4})), c10::ValueError);
    EXPECT_THROW(metric->update(at::zeros({4}), at::zeros({4}, at::kLong)), c10::ValueError);
  }
  EXPECT_THROW(Accuracy({.top_k = 5}).update(at::zeros({4, 3}), at::zeros({4}, at::kLong)),
               c10::ValueError);
  EXPECT_THROW(Accuracy({.top_k = 0}), c10::ValueError);
  EXPECT_THROW(accuracy.merge(entropy), c10::ValueError);
  EXPECT_THROW(accuracy.merge(Accuracy({.top_k = 2})), c10::ValueError);
}

TEST(PerplexityTest, IsThatOfTheCrossEntropyOfAllParts) {
  const at::Tensor logits = golden().at("flat/logits"), targets = golden().at("flat/ignoring");
  CrossEntropy entropy({.ignore_index = 2});
  entropy.update(logits, targets);
  const double expected = std::exp(entropy.compute());
  Perplexity first({.ignore_index = 2});
  EXPECT_TRUE(std::isnan(first.compute()));
  first.update(logits.slice(0, 0, 3), targets.slice(0, 0, 3));
  const auto rest = first.fresh();
  rest->update(logits.slice(0, 3), targets.slice(0, 3));
  const auto restored = first.fresh();
  ASSERT_TRUE(restored->load_state_dict(first.state_dict()).ok());
  restored->merge(*rest);
  EXPECT_NEAR(restored->compute(), expected, 1e-6 * expected);
  EXPECT_THROW(first.merge(entropy), c10::ValueError);
  first.reset();
  EXPECT_TRUE(std::isnan(first.compute()));
}

// Small batches in single precision are counted in a loop, all others by operators.
TEST(AccuracyTest, CountsTheSameInALoopAsByOperators) {
  at::Tensor logits = at::randn({64, 10});
  logits[3][4] = std::nan("");
  logits[5].fill_(1.0);  // all equal: the first counts
  at::Tensor targets = at::randint(10, {64}, at::kLong);
  targets[3] = 4;
  targets[5] = 0;
  targets[7] = -100;
  Accuracy loop, operators;
  loop.update(logits, targets);
  operators.update(logits.to(at::kDouble), targets);
  EXPECT_EQ(loop.compute(), operators.compute());
  EXPECT_TRUE(loop.state_dict().identical(operators.state_dict()));
  EXPECT_ANY_THROW(loop.update(logits, targets.narrow(0, 0, 63)));
}

}  // namespace
}  // namespace composer
