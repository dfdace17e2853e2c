#include "composer/data/samplers/stored_order.h"

#include <algorithm>
#include <utility>

#include "composer/base/logging.h"

namespace composer {

StoredOrder::StoredOrder(std::vector<int64_t> samples) : samples_(std::move(samples)) {}

void StoredOrder::fill(int64_t start, absl::Span<int64_t> out) const {
  CHECK(start >= 0 && start + out.size() <= samples_.size())
      << "positions from " << start << ", " << out.size() << " of them, among " << samples_.size();
  std::copy_n(samples_.begin() + start, out.size(), out.begin());
}

}  // namespace composer
