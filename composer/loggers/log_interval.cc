#include "composer/loggers/log_interval.h"

#include "composer/base/interval.h"

namespace composer {

bool LogInterval::due(const Timestamp& before, const Timestamp& after) const {
  if (interval_.unit() != TimeUnit::kEpoch) return crosses(interval_, before, after);
  return crosses(interval_, before, ends_epoch(after) ? after.next_epoch() : after);
}

bool LogInterval::ends_epoch(const Timestamp& after) const {
  return batches_per_epoch_.has_value() && after.batch_in_epoch >= *batches_per_epoch_;
}

}  // namespace composer
