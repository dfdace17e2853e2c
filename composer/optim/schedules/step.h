#pragma once

#include "composer/optim/schedules/warmup.h"

namespace composer {

struct StepOptions {
  Time step_size;
  double gamma = 0.1;
  Time t_warmup = Time::duration(0);
};

/// Multiplied by `gamma` after each `step_size`, as Composer's StepScheduler. With t and s in one
/// unit, after the warm-up:
///
///   gamma ^ floor(t / s)
///
/// Steps are counted from the start of the run, the warm-up included, which must not be longer than
/// one.
class StepSchedule final : public WarmupSchedule {
 public:
  explicit StepSchedule(StepOptions options)
      : WarmupSchedule(options.t_warmup), options_(options) {}

 private:
  double after_warmup(const ScheduleClock& clock) const override;
  absl::Status check(const ScheduleClock& clock) const override;

  const StepOptions options_;
};

}  // namespace composer
