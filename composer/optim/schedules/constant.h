#pragma once

#include "composer/optim/schedules/warmup.h"

namespace composer {

struct ConstantOptions {
  double alpha = 1;
  Time t_max = Time::duration(1);
  Time t_warmup = Time::duration(0);
};

/// `alpha` until `t_max`, 1 from there on, as Composer's ConstantScheduler and
/// ConstantWithWarmupScheduler. With t and T in one unit, after the warm-up, which leads to
/// `alpha`:
///
///   t < T:  alpha
///   else:   1
class ConstantSchedule final : public WarmupSchedule {
 public:
  explicit ConstantSchedule(ConstantOptions options)
      : WarmupSchedule(options.t_warmup), options_(options) {}

 private:
  double peak() const override { return options_.alpha; }
  double after_warmup(const ScheduleClock& clock) const override;
  absl::Status check(const ScheduleClock& clock) const override;

  const ConstantOptions options_;
};

}  // namespace composer
