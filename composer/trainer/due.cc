#include "composer/trainer/due.h"

#include "composer/base/interval.h"

namespace composer {

bool is_due(const Time& interval, Event event, const State& state, const Timestamp& before) {
  if (interval.value() <= 0) return false;
  const bool epoch_ends = event == Event::kEpochEnd || event == Event::kEpochCheckpoint;
  switch (interval.unit()) {
    case TimeUnit::kEpoch:
    case TimeUnit::kIteration:
      return epoch_ends && crosses(interval, before, state.timestamp);
    case TimeUnit::kDuration: {
      if (epoch_ends) return false;
      ScheduleClock clock = state.clock();
      const double now = clock.elapsed_fraction();
      clock.now = before;
      return crosses(interval.value(), clock.elapsed_fraction(), now);
    }
    default:
      return !epoch_ends && crosses(interval, before, state.timestamp);
  }
}

}  // namespace composer
