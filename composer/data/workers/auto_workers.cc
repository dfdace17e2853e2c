#include "composer/data/workers/auto_workers.h"

#include <algorithm>
#include <cmath>

namespace composer {

int64_t auto_workers(std::optional<double> nanoseconds, int64_t cores) {
  constexpr double kWorthAWorker = 1e5;
  constexpr double kOneWorkers = 5e5;
  constexpr int64_t kMost = 4;
  const int64_t most = std::clamp<int64_t>(cores, 1, kMost);
  if (!nanoseconds) return most;
  if (*nanoseconds < kWorthAWorker) return 0;
  return static_cast<int64_t>(
      std::min(std::ceil(*nanoseconds / kOneWorkers), static_cast<double>(most)));
}

}  // namespace composer
