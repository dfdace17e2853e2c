#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/base/time.h"
#include "composer/core/state_dict.h"

namespace composer {

/// What a schedule is a function of.
struct ScheduleClock {
  Timestamp now;
  Time max_duration = Time::epochs(1);
  /// Unknown for a stream; epochs and durations in epochs then cannot be scheduled by.
  std::optional<int64_t> batches_per_epoch;

  /// How far training is within the run, 0 to 1; moves with every batch.
  double elapsed_fraction() const;
  /// How far training is, counted in `unit`; epochs in fractions where their length is known.
  double position(TimeUnit unit) const;
  /// `time` counted in `unit`: an epoch in batches, a part of the run in epochs. Unset when that is
  /// unknown, such as samples in batches.
  std::optional<double> in_unit(const Time& time, TimeUnit unit) const;
  /// InvalidArgument when `time` cannot be scheduled by: epochs of a stream.
  absl::Status check(const Time& time) const;

  /// How far training is within `time`: 0 at the start, 1 when reached, above 1 after it. Moves
  /// with every batch where the unit allows it. A `time` of zero is always reached.
  double progress(const Time& time) const;
};

/// Gives the learning rate as a multiple of its initial value. A pure function of the clock: the
/// batch that is about to be trained on sees the value of the batches before it, the first the
/// value at 0.
class Scheduler : public Stateful {
 public:
  virtual double multiplier(const ScheduleClock& clock) const = 0;

  /// Called when the duration is known, before training; refuses times that do not fit it.
  virtual absl::Status validate(const ScheduleClock& clock) const { return absl::OkStatus(); }
};

}  // namespace composer
