#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "composer/base/time.h"
#include "composer/core/event.h"
#include "composer/core/state.h"

namespace composer {

/// When a run saves a checkpoint: every so often, at its end, when it is interrupted, and when
/// asked to; once at a time of training. Asked at batch_checkpoint and at epoch_checkpoint, when
/// all else is done there. One that is made by default never saves.
class CheckpointSchedule {
 public:
  CheckpointSchedule() = default;
  /// InvalidArgument for an interval that is no time.
  static absl::StatusOr<CheckpointSchedule> create(const std::string& interval, bool at_end);

  /// The next time that is asked for is due.
  void request() { requested_ = true; }

  /// Whether to save now that training has come from `before` to where `state` stands. `ends` says
  /// that it is done, `epoch_ends` that epoch_checkpoint will follow.
  bool due(Event event, const State& state, const Timestamp& before, bool ends,
           bool epoch_ends) const;

  /// What is there already is not saved again.
  void note_saved(const Timestamp& time);

 private:
  CheckpointSchedule(Time interval, bool at_end) : interval_(interval), at_end_(at_end) {}

  std::optional<Time> interval_;
  bool at_end_ = false;
  bool requested_ = false;
  // Timestamp::batch and Timestamp::epoch.
  std::pair<int64_t, int64_t> saved_at_ = {-1, -1};
};

}  // namespace composer
