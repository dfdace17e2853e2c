#pragma once

#include <utility>
#include <vector>

#include "composer/optim/schedules/warmup.h"

namespace composer {

struct MultiStepOptions {
  /// Increasing.
  std::vector<Time> milestones;
  double gamma = 0.1;
  Time t_warmup = Time::duration(0);
};

/// Multiplied by `gamma` at each milestone, as Composer's MultiStepScheduler and
/// MultiStepWithWarmupScheduler. With t and the milestones in one unit, after the warm-up:
///
///   gamma ^ (number of milestones <= t)
///
/// Milestones are counted from the start of the run, the warm-up included, which must end before
/// the first.
class MultiStepSchedule final : public WarmupSchedule {
 public:
  explicit MultiStepSchedule(MultiStepOptions options)
      : WarmupSchedule(options.t_warmup), options_(std::move(options)) {}

 private:
  double after_warmup(const ScheduleClock& clock) const override;
  absl::Status check(const ScheduleClock& clock) const override;

  const MultiStepOptions options_;
};

}  // namespace composer
