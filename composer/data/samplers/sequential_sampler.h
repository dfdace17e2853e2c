#pragma once

#include <cstdint>
#include <memory>

#include "composer/data/samplers/sampler.h"

namespace composer {

/// Every sample once an epoch, in the order of the indices.
class SequentialSampler final : public Sampler {
 public:
  /// REQUIRES: size >= 0.
  explicit SequentialSampler(int64_t size);

  int64_t size() const override { return size_; }
  std::shared_ptr<const Order> order(int64_t epoch) const override { return order_; }

 private:
  int64_t size_;
  std::shared_ptr<const Order> order_;
};

}  // namespace composer
