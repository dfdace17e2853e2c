#pragma once

#include "composer/optim/schedules/warmup.h"

namespace composer {

struct PolynomialOptions {
  double power = 2;
  Time t_max = Time::duration(1);
  double alpha_f = 0;
  Time t_warmup = Time::duration(0);
};

/// From 1 to `alpha_f` at `t_max` as a power of what is left, then `alpha_f`, as Composer's
/// PolynomialScheduler and PolynomialWithWarmupScheduler. With t, w (the warm-up) and T in one
/// unit:
///
///   alpha_f + (1 - alpha_f) * (1 - (t - w) / (T - w)) ^ power
class PolynomialSchedule final : public WarmupSchedule {
 public:
  explicit PolynomialSchedule(PolynomialOptions options)
      : WarmupSchedule(options.t_warmup), options_(options) {}

 private:
  double after_warmup(const ScheduleClock& clock) const override;
  absl::Status check(const ScheduleClock& clock) const override;

  const PolynomialOptions options_;
};

}  // namespace composer
