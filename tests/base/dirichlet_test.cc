#include "composer/base/dirichlet.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace composer {
namespace {

// Of each weight: mean 1 / n and variance (n - 1) / (n^2 (n alpha + 1)).
TEST(DrawDirichlet, HasTheDistributionsMoments) {
  for (const double alpha : {0.2, 1.0, 3.5}) {
    for (const int n : {2, 3, 5}) {
      SCOPED_TRACE(testing::Message() << "alpha " << alpha << ", " << n << " weights");
      CounterRandom random(11);
      std::vector<double> weights(n), sums(n), squares(n);
      constexpr int kDraws = 20000;
      for (int i = 0; i < kDraws; ++i) {
        draw_dirichlet(alpha, absl::MakeSpan(weights), random);
        double sum = 0;
        for (int k = 0; k < n; ++k) {
          ASSERT_GE(weights[k], 0);
          sum += weights[k];
          sums[k] += weights[k];
          squares[k] += weights[k] * weights[k];
        }
        ASSERT_NEAR(sum, 1, 1e-12);
      }
      const double variance = (n - 1) / (n * n * (n * alpha + 1));
      for (int k = 0; k < n; ++k) {
        const double mean = sums[k] / kDraws;
        EXPECT_NEAR(mean, 1.0 / n, 4 * std::sqrt(variance / kDraws));
        EXPECT_NEAR(squares[k] / kDraws - mean * mean, variance, 0.05 * variance);
      }
    }
  }
}

TEST(DrawDirichlet, GivesOneWeightAllWhenAlphaIsTiny) {
  CounterRandom random(2);
  double weights[3];
  for (int i = 0; i < 100; ++i) {
    draw_dirichlet(1e-6, weights, random);
    double most = 0, sum = 0;
    for (const double weight : weights) {
      most = std::max(most, weight);
      sum += weight;
    }
    EXPECT_NEAR(most, 1, 1e-3);
    EXPECT_NEAR(sum, 1, 1e-12);
  }
}

TEST(DrawDirichlet, GivesASingleWeightOfOne) {
  CounterRandom random(2);
  double weight = 0;
  draw_dirichlet(0.5, absl::MakeSpan(&weight, 1), random);
  EXPECT_EQ(weight, 1);
}

}  // namespace
}  // namespace composer
