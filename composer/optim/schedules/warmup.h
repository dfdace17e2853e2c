#pragma once

#include "composer/core/scheduler.h"

namespace composer {

/// A schedule that may begin with a warm-up (Goyal et al., 2017, arXiv:1706.02677): linear from 0
/// to its peak over `t_warmup`, then what the schedule itself says. With t and w in one unit:
///
///   t < w:  peak * t / w
///
/// The first batch is trained on with the value at 0, so with a warm-up it moves nothing.
class WarmupSchedule : public Scheduler {
 public:
  double multiplier(const ScheduleClock& clock) const final;
  absl::Status validate(const ScheduleClock& clock) const final;

 protected:
  explicit WarmupSchedule(Time t_warmup) : t_warmup_(t_warmup) {}

  /// The value where the warm-up ends.
  virtual double peak() const { return 1; }
  /// The value from there on.
  virtual double after_warmup(const ScheduleClock& clock) const = 0;
  /// Refuses settings that do not fit the run; the warm-up's own time is checked already.
  virtual absl::Status check(const ScheduleClock& clock) const = 0;

  const Time& t_warmup() const { return t_warmup_; }
  /// How many times `length` has passed since the warm-up.
  double periods(const ScheduleClock& clock, const Time& length) const;
  /// How far the clock is from the warm-up's end, 0, to `t_max`, 1 from there on. 0 throughout when
  /// the warm-up lasts until `t_max`.
  double decay(const ScheduleClock& clock, const Time& t_max) const;
  /// Refuses a `t_max`, the field of that name, that such a decay to `alpha_f` cannot have.
  absl::Status check_decay(const ScheduleClock& clock, const Time& t_max, double alpha_f) const;

 private:
  const Time t_warmup_;
};

}  // namespace composer
