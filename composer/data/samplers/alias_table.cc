#include "composer/data/samplers/alias_table.h"

#include <algorithm>

#include "composer/base/logging.h"

namespace composer {

AliasTable::AliasTable(absl::Span<const double> weights) : columns_(weights.size()) {
  CHECK(!weights.empty());
  const auto largest = std::max_element(weights.begin(), weights.end());
  CHECK_GT(*largest, 0);
  // Over the largest weight first, so that neither sum nor mean leaves the range of a double.
  double sum = 0;
  for (const double weight : weights) sum += weight / *largest;
  const double mean = sum / static_cast<double>(weights.size());

  // A column's share is what its own number still needs, in units of the mean.
  std::vector<int64_t> small, large;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double share = weights[i] / *largest / mean;
    columns_[i] = {share, static_cast<int64_t>(i)};
    (share < 1 ? small : large).push_back(static_cast<int64_t>(i));
  }
  while (!small.empty() && !large.empty()) {
    Column& column = columns_[small.back()];
    small.pop_back();
    const int64_t giver = large.back();
    column.alias = giver;
    columns_[giver].share -= 1 - column.share;
    if (columns_[giver].share < 1) {
      large.pop_back();
      small.push_back(giver);
    }
  }
  // Rounding leaves a few whose share is 1 but for the last bits.
  for (const int64_t i : large) columns_[i].share = 1;
  for (const int64_t i : small) {
    columns_[i] = weights[i] > 0 ? Column{1, i} : Column{0, largest - weights.begin()};
  }
}

}  // namespace composer
