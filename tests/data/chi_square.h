#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace composer::testing {

/// Pearson's statistic of counts against what they should be, in standard deviations from its mean
/// under that hypothesis; the cells' number less one is its freedom. Above 5 about one time in a
/// million (the statistic leans right). Cells that expect nothing must have nothing and do not
/// count.
inline double chi_square_deviation(const std::vector<int64_t>& counts,
                                   const std::vector<double>& expected) {
  double sum = 0;
  double freedom = -1;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (expected[i] == 0) {
      if (counts[i] != 0) return INFINITY;
      continue;
    }
    const double difference = static_cast<double>(counts[i]) - expected[i];
    sum += difference * difference / expected[i];
    freedom += 1;
  }
  return (sum - freedom) / std::sqrt(2 * freedom);
}

}  // namespace composer::testing
