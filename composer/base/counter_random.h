#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "composer/base/random.h"

namespace composer {

/// Random numbers that are a function of a key and of how many were drawn before: SplitMix64
/// (Steele et al., 2014) started at the key. Made for each sample anew, from (seed, epoch, sample),
/// so that what a sample draws depends neither on the thread nor on the samples before it. The same
/// on every machine.
class CounterRandom {
 public:
  explicit CounterRandom(uint64_t key) : state_(key) {}

  uint64_t next() {
    const uint64_t value = mix(state_);
    state_ += 0x9e3779b97f4a7c15u;
    return value;
  }

  /// In [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// In [0, count), without the bias of a remainder to speak of: off by count / 2^64.
  /// REQUIRES: count > 0.
  int64_t below(int64_t count) {
    const auto product = static_cast<unsigned __int128>(next()) * static_cast<uint64_t>(count);
    return static_cast<int64_t>(product >> 64);
  }

  bool chance(double p) { return uniform() < p; }

  /// Normal, mean 0 and standard deviation 1 (Box and Muller, 1958); takes two draws.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  uint64_t state_;
};

}  // namespace composer
