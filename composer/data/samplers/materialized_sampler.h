#pragma once

#include <cstdint>
#include <memory>

#include "composer/data/samplers/sampler.h"

namespace composer {

/// Every sample once an epoch, in an order drawn uniformly from all of them (Fisher and Yates,
/// 1938; Durstenfeld, 1964) as a function of (seed, epoch), the same on every machine. The order is
/// written out: 8 bytes a sample, and some 5 ns a sample when an epoch begins. PermutationSampler
/// needs neither.
class MaterializedSampler final : public Sampler {
 public:
  /// REQUIRES: size >= 0.
  MaterializedSampler(int64_t size, uint64_t seed);

  int64_t size() const override { return size_; }
  std::shared_ptr<const Order> order(int64_t epoch) const override;

 private:
  const int64_t size_;
  const uint64_t seed_;
};

}  // namespace composer
