#include "algorithms/low_rank.h"

#include <ATen/ATen.h>

#include <tuple>

namespace composer {
namespace {

constexpr int kRounds = 3;

at::Tensor least_squares(const at::Tensor& a, const at::Tensor& b) {
  return std::get<0>(at::linalg_lstsq(a, b));
}

}  // namespace

LowRankProduct fit_low_rank(const at::Tensor& inputs, const at::Tensor& outputs,
                            const at::Tensor& first, const at::Tensor& second, int64_t rank) {
  const auto [left, values, right] = at::linalg_svd(first.matmul(second), /*full_matrices=*/false);
  LowRankProduct fit{.first = left.narrow(1, 0, rank) * values.narrow(0, 0, rank).sqrt()};
  const at::Tensor best = least_squares(inputs, outputs);
  for (int round = 0; round < kRounds; ++round) {
    fit.second = least_squares(inputs.matmul(fit.first), outputs);
    // The first factor is that of the full solution by the second.
    fit.first = least_squares(fit.second.t(), best.t()).t();
  }
  fit.bias = (outputs - inputs.matmul(fit.first).matmul(fit.second)).mean(0);
  return fit;
}

}  // namespace composer
