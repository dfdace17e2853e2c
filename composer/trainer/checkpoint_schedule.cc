#include "composer/trainer/checkpoint_schedule.h"

#include "composer/base/status.h"
#include "composer/trainer/due.h"

namespace composer {

absl::StatusOr<CheckpointSchedule> CheckpointSchedule::create(const std::string& interval,
                                                              bool at_end) {
  const absl::StatusOr<Time> time = Time::parse(interval);
  if (!time.ok()) return in_field("checkpoints.interval", time.status());
  return CheckpointSchedule(*time, at_end);
}

bool CheckpointSchedule::due(Event event, const State& state, const Timestamp& before, bool ends,
                             bool epoch_ends) const {
  const Timestamp& now = state.timestamp;
  if (saved_at_ == std::pair(now.batch, now.epoch)) return false;
  if (state.interrupted || requested_) return true;
  if (!interval_) return false;
  // The end of the run is saved once.
  if (at_end_ && ends) return !epoch_ends;
  return is_due(*interval_, event, state, before);
}

void CheckpointSchedule::note_saved(const Timestamp& time) {
  saved_at_ = {time.batch, time.epoch};
  requested_ = false;
}

}  // namespace composer
