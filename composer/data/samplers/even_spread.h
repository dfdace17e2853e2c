#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace composer {

/// Deals positions 0, 1, 2, ... out to parts in fixed proportions, spread evenly: of any first
/// positions a part has its share, off by less than one for each halving of the list of parts.
/// Whole numbers throughout, so that it is exact and the same on every machine.
///
/// The list of parts is halved again and again; of the first p positions of a half, floor(p w +
/// 1/2) go to its left half, where w is that one's share. So counts are closed formulas, and a
/// position is found in the logarithm of the number of parts.
class EvenSpread {
 public:
  /// REQUIRES: at least one weight, all above 0, with a sum of at most 2^61.
  explicit EvenSpread(absl::Span<const int64_t> weights);

  struct Place {
    int64_t part;
    /// How many of the part's came before.
    int64_t number;
  };
  /// REQUIRES: 0 <= position < 2^62.
  Place locate(int64_t position) const;

  /// How many of the first `positions` go to `part`. REQUIRES: 0 <= positions <= 2^62.
  int64_t count(int64_t part, int64_t positions) const;

 private:
  int64_t left_count(int64_t positions, size_t low, size_t middle, size_t high) const;

  // Of the weights before each part.
  std::vector<uint64_t> sums_;
};

}  // namespace composer
