#include "composer/data/samplers/even_spread.h"

#include <numeric>

#include "composer/base/logging.h"

namespace composer {

EvenSpread::EvenSpread(absl::Span<const int64_t> weights) : sums_{0} {
  CHECK(!weights.empty());
  int64_t divisor = 0;
  for (const int64_t weight : weights) divisor = std::gcd(divisor, weight);
  for (const int64_t weight : weights) {
    CHECK_GT(weight, 0);
    // In lowest terms, where division is fast.
    sums_.push_back(sums_.back() + static_cast<uint64_t>(weight / divisor));
    CHECK_LE(sums_.back(), uint64_t{1} << 61);
  }
}

int64_t EvenSpread::left_count(int64_t positions, size_t low, size_t middle, size_t high) const {
  const uint64_t all = sums_[high] - sums_[low];
  const unsigned __int128 left = sums_[middle] - sums_[low];
  return static_cast<int64_t>((2 * left * static_cast<uint64_t>(positions) + all) /
                              (2 * static_cast<unsigned __int128>(all)));
}

EvenSpread::Place EvenSpread::locate(int64_t position) const {
  CHECK(position >= 0 && position < int64_t{1} << 62) << position;
  size_t low = 0, high = sums_.size() - 1;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    const int64_t before = left_count(position, low, middle, high);
    if (left_count(position + 1, low, middle, high) > before) {
      high = middle;
      position = before;
    } else {
      low = middle;
      position -= before;
    }
  }
  return {static_cast<int64_t>(low), position};
}

int64_t EvenSpread::count(int64_t part, int64_t positions) const {
  CHECK(positions >= 0 && positions <= int64_t{1} << 62) << positions;
  size_t low = 0, high = sums_.size() - 1;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    const int64_t left = left_count(positions, low, middle, high);
    if (static_cast<size_t>(part) < middle) {
      high = middle;
      positions = left;
    } else {
      low = middle;
      positions -= left;
    }
  }
  return positions;
}

}  // namespace composer
