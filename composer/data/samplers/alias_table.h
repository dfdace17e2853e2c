#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "composer/base/counter_random.h"

namespace composer {

/// Draws numbers by weight, each draw in constant time (Walker, 1977; built as Vose, 1991). 16
/// bytes a weight. Built from operations that every machine rounds alike, so that equal weights and
/// equal random numbers give equal draws everywhere.
class AliasTable {
 public:
  /// REQUIRES: at least one weight; all are finite and not negative; their sum is finite and above
  /// zero.
  explicit AliasTable(absl::Span<const double> weights);

  /// i with probability weights[i] / sum, to about 53 bits; never an i of weight zero.
  int64_t draw(CounterRandom& random) const {
    const int64_t i = random.below(static_cast<int64_t>(columns_.size()));
    return random.uniform() < columns_[i].share ? i : columns_[i].alias;
  }

 private:
  // One of equally likely columns, which number i shares with another.
  struct Column {
    double share;
    int64_t alias;
  };

  std::vector<Column> columns_;
};

}  // namespace composer
