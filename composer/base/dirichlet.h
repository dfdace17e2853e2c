#pragma once

#include "absl/types/span.h"
#include "composer/base/counter_random.h"

namespace composer {

/// Fills `weights` with a draw of the symmetric Dirichlet distribution: they add up to 1, and the
/// larger `alpha`, the more equal they are. Two of them are a draw of Beta(alpha, alpha) and what
/// it leaves of 1. By gamma variates (Marsaglia and Tsang, 2000), on a logarithmic scale, so that a
/// small alpha gives one weight of 1 instead of a division by zero. REQUIRES: alpha > 0, and
/// `weights` is not empty.
void draw_dirichlet(double alpha, absl::Span<double> weights, CounterRandom& random);

}  // namespace composer
