#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/base/time.h"
#include "composer/core/state_dict.h"

namespace composer {

struct ParameterGroup;

/// What a schedule is a function of.
struct ScheduleClock {
  Timestamp now;
  Time max_duration = Time::epochs(1);
  /// Unknown for a stream; epochs and durations in epochs then cannot be scheduled by.
  std::optional<int64_t> batches_per_epoch;
  /// Stretches every time of a schedule but "dur": at 2, "10ep" is reached after 20 epochs.
  double scale_ratio = 1;
  /// Where the clock begins to count, in the unit of `max_duration`: above 0 in a part of a run.
  double start = 0;

  /// How far training is within the run, 0 to 1; moves with every batch.
  double elapsed_fraction() const;
  /// How far training is, counted in `unit`; epochs in fractions where their length is known.
  double position(TimeUnit unit) const;
  /// `time` counted in `unit`: an epoch in batches, a part of the run in epochs. Unset when that is
  /// unknown, such as samples in batches.
  std::optional<double> in_unit(const Time& time, TimeUnit unit) const;
  /// InvalidArgument when `time` cannot be scheduled by: epochs of a stream, or samples in a part
  /// of a run that begins after an epoch.
  absl::Status check(const Time& time) const;

  /// How far training is within `time`, which begins at position `from`: 0 at its start, 1 when it
  /// is reached, above 1 after it. Moves with every batch where the unit allows it. A `time` of
  /// zero is always reached. What is a whole number but for rounding is one, so that 0.3 of a run
  /// is three times 0.1 of it.
  double progress(const Time& time, double from = 0) const;

  /// The clock of the part of this one between two positions in the unit of `max_duration`: it
  /// counts from 0 at `begin`, and "1dur" is the length of the part.
  ScheduleClock part(double begin, double end) const;
};

/// Gives the learning rate as a multiple of its initial value. A pure function of the clock: the
/// batch that is about to be trained on sees the value of the batches before it, the first the
/// value at 0.
class Scheduler : public Stateful {
 public:
  virtual double multiplier(const ScheduleClock& clock) const = 0;

  /// The multiple for one group of parameters, where groups differ.
  virtual double group_multiplier(const ParameterGroup& group, const ScheduleClock& clock) const {
    return multiplier(clock);
  }

  /// Called when the duration is known, before training; refuses times that do not fit it.
  virtual absl::Status validate(const ScheduleClock& clock) const { return absl::OkStatus(); }

  /// Called when the optimizers exist, with ParameterGroup::pattern of all groups; refuses the name
  /// of a group that does not.
  virtual absl::Status check_groups(absl::Span<const std::string> patterns) const {
    return absl::OkStatus();
  }
};

/// The learning rate of `group`: its initial one times the multiples of all `schedulers`.
double scheduled_lr(const ParameterGroup& group,
                    absl::Span<const std::unique_ptr<Scheduler>> schedulers,
                    const ScheduleClock& clock);

}  // namespace composer
