#pragma once

#include <cstdint>
#include <memory>

#include "composer/data/samplers/sampler.h"

namespace composer {

/// Every sample once an epoch, in the order of a keyed permutation (see permutation.h): a function
/// of (seed, epoch), of which nothing is stored.
class PermutationSampler final : public Sampler {
 public:
  /// REQUIRES: 0 <= size <= 2^62.
  PermutationSampler(int64_t size, uint64_t seed) : size_(size), seed_(seed) {}

  int64_t size() const override { return size_; }
  std::shared_ptr<const Order> order(int64_t epoch) const override;

 private:
  int64_t size_;
  uint64_t seed_;
};

}  // namespace composer
