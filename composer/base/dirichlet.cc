#include "composer/base/dirichlet.h"

#include <algorithm>
#include <cmath>

namespace composer {
namespace {

// The logarithm of a gamma variate of shape `alpha`.
double draw_log_gamma(double alpha, CounterRandom& random) {
  if (alpha < 1) {
    const double larger = draw_log_gamma(alpha + 1, random);
    return larger + std::log(1 - random.uniform()) / alpha;
  }
  const double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = random.normal(), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(1 - random.uniform()) < x * x / 2 + d * (1 - v + std::log(v)))
      return std::log(d * v);
  }
}

}  // namespace

void draw_dirichlet(double alpha, absl::Span<double> weights, CounterRandom& random) {
  for (double& weight : weights) weight = draw_log_gamma(alpha, random);
  const double most = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& weight : weights) sum += weight = std::exp(weight - most);
  for (double& weight : weights) weight /= sum;
}

}  // namespace composer
