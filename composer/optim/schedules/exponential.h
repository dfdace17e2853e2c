#pragma once

#include "composer/optim/schedules/warmup.h"

namespace composer {

struct ExponentialOptions {
  double gamma;
  Time decay_period = Time::epochs(1);
  Time t_warmup = Time::duration(0);
};

/// Multiplied by `gamma` in each `decay_period`, smoothly, as Composer's ExponentialScheduler. With
/// t, w (the warm-up) and p in one unit:
///
///   gamma ^ ((t - w) / p)
///
/// A `gamma` above 1 is a learning rate range test (Smith, 2015, arXiv:1506.01186).
class ExponentialSchedule final : public WarmupSchedule {
 public:
  explicit ExponentialSchedule(ExponentialOptions options)
      : WarmupSchedule(options.t_warmup), options_(options) {}

 private:
  double after_warmup(const ScheduleClock& clock) const override;
  absl::Status check(const ScheduleClock& clock) const override;

  const ExponentialOptions options_;
};

}  // namespace composer
