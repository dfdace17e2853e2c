#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "composer/data/samplers/sampler.h"

namespace composer {

/// An order that is written out, 8 bytes a sample.
class StoredOrder final : public Order {
 public:
  explicit StoredOrder(std::vector<int64_t> samples);

  void fill(int64_t start, absl::Span<int64_t> out) const override;

 private:
  const std::vector<int64_t> samples_;
};

}  // namespace composer
