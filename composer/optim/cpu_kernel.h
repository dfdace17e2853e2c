#pragma once

#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "composer/base/run_vectorised.h"

namespace composer {

/// What a loop over values computes in: float for half precision.
template <typename T>
using Computed = at::opmath_type<T>;

/// Values that one thread takes at least.
constexpr int64_t kValuesPerThread = 1 << 15;

/// The first value of each of a parameter's `kStates` state tensors.
template <typename T, size_t kStates>
std::array<T*, kStates> state_pointers(const std::vector<std::vector<at::Tensor>>& state,
                                       size_t parameter) {
  std::array<T*, kStates> pointers;
  for (size_t kind = 0; kind < kStates; ++kind) {
    pointers[kind] = state[kind][parameter].template mutable_data_ptr<T>();
  }
  return pointers;
}

/// One piece of `for_each_value`, in one thread.
template <typename T, size_t kStates, typename Step>
void walk_values(T* values, const T* gradients, const std::array<T*, kStates>& state, int64_t begin,
                 int64_t end, const Step& given) {
  run_vectorised([&] {
    using M = Computed<T>;
    const Step step = given;
    T* const p = values;
    const T* const g = gradients;
    const std::array<T*, kStates> s = state;
    const int64_t last = end;
#pragma GCC ivdep
    for (int64_t at = begin; at < last; ++at) {
      M value = p[at];
      std::array<M, kStates> own;
      for (size_t kind = 0; kind < kStates; ++kind) own[kind] = s[kind][at];
      step(value, static_cast<M>(g[at]), own);
      p[at] = value;
      for (size_t kind = 0; kind < kStates; ++kind) s[kind][at] = own[kind];
    }
  });
}

/// Calls `step(value, gradient, state)` for each value of each of `parameters`, with the value and
/// its `kStates` values of state by reference, in one pass on the CPU. All three are Computed<T>;
/// `state` is a std::array. Tensors are dense, those of a parameter in its memory order and dtype,
/// as a FusedOptimizer's are.
///
/// A library that uses this is compiled with KERNEL_COPTS.
template <size_t kStates, typename Step>
void for_each_value(const std::vector<at::Tensor>& parameters,
                    const std::vector<at::Tensor>& gradients,
                    const std::vector<std::vector<at::Tensor>>& state, const Step& step) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    AT_DISPATCH_FLOATING_TYPES_AND2(
        at::kHalf, at::kBFloat16, parameters[i].scalar_type(), "for_each_value", [&] {
          scalar_t* const values = parameters[i].mutable_data_ptr<scalar_t>();
          const scalar_t* const slopes = gradients[i].const_data_ptr<scalar_t>();
          const auto states = state_pointers<scalar_t, kStates>(state, i);
          at::parallel_for(0, parameters[i].numel(), kValuesPerThread,
                           [&](int64_t begin, int64_t end) {
                             walk_values(values, slopes, states, begin, end, step);
                           });
        });
  }
}

}  // namespace composer
