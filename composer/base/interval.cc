#include "composer/base/interval.h"

#include <cmath>

namespace composer {

bool crosses(const Time& interval, const Timestamp& before, const Timestamp& after) {
  if (interval.value() <= 0) return false;
  const auto multiples = [&](const Timestamp& now) {
    return std::floor(now.get(interval.unit()) / interval.value());
  };
  return multiples(before) < multiples(after);
}

bool crosses(double interval, double before, double after) {
  if (interval <= 0) return false;
  const auto multiples = [&](double value) { return std::floor(value / interval + 1e-9); };
  return multiples(before) < multiples(after);
}

}  // namespace composer
