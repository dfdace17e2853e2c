#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace composer {

/// inputs * first * second + bias, of shapes [n, in], [in, rank], [rank, out] and [out].
struct LowRankProduct {
  at::Tensor first = {};
  at::Tensor second = {};
  at::Tensor bias = {};
};

/// The product of `rank` whose results for `inputs`, [n, in], are close to `outputs`, [n, out]:
/// from the singular vectors of first * second, which are [in, old rank] and [old rank, out], by
/// three rounds of least squares for the one and for the other, as Composer's factorize_matrix. The
/// bias is the mean of what is left. `rank` is below the old one.
LowRankProduct fit_low_rank(const at::Tensor& inputs, const at::Tensor& outputs,
                            const at::Tensor& first, const at::Tensor& second, int64_t rank);

}  // namespace composer
