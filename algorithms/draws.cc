#include "algorithms/draws.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace composer {

double draw_beta(double alpha, const at::Generator& generator) {
  // z = x / (x + y) with x and y from Gamma(alpha), which is Gamma(alpha + 1) U^(1 / alpha). In
  // logarithms, because for a small alpha both x and y are often too small for a double.
  const at::Tensor gamma =
      at::_standard_gamma(at::full({2}, alpha + 1, at::kDouble), generator).log_();
  const at::Tensor uniform = at::rand({2}, generator, at::kDouble).neg_().log1p_().div_(alpha);
  const at::Tensor log_ratio = gamma + uniform;
  return 1 / (1 + std::exp(log_ratio[0].item<double>() - log_ratio[1].item<double>()));
}

int64_t draw_below(int64_t count, const at::Generator& generator) {
  return at::randint(count, {}, generator, at::TensorOptions(at::kLong)).item<int64_t>();
}

at::Tensor draw_normal(at::IntArrayRef sizes, const at::TensorOptions& options,
                       const at::Generator& generator) {
  if (options.device().is_cpu()) return at::randn(sizes, generator, options);
  at::Generator there = at::globalContext().defaultGenerator(options.device()).clone();
  there.set_current_seed(
      static_cast<uint64_t>(draw_below(std::numeric_limits<int64_t>::max(), generator)));
  return at::randn(sizes, there, options);
}

}  // namespace composer
