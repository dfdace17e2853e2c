#pragma once

#include <cstdint>
#include <memory>

#include "absl/types/span.h"

namespace composer {

/// The order of one epoch's samples. Constant; several threads at once.
class Order {
 public:
  virtual ~Order() = default;

  /// Writes the samples at positions [start, start + out.size()).
  virtual void fill(int64_t start, absl::Span<int64_t> out) const = 0;
};

/// Which samples an epoch visits and in which order: a function of the sampler's settings and the
/// epoch alone.
class Sampler {
 public:
  virtual ~Sampler() = default;

  /// Positions of an epoch.
  virtual int64_t size() const = 0;
  virtual std::shared_ptr<const Order> order(int64_t epoch) const = 0;
};

}  // namespace composer
