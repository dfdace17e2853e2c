#pragma once

#include "composer/optim/schedules/warmup.h"

namespace composer {

struct LinearOptions {
  double alpha_i = 1;
  double alpha_f = 0;
  Time t_max = Time::duration(1);
  Time t_warmup = Time::duration(0);
};

/// From `alpha_i` to `alpha_f` at `t_max`, then `alpha_f`, as Composer's LinearScheduler and
/// LinearWithWarmupScheduler. With t, w (the warm-up, which leads to `alpha_i`) and T in one unit:
///
///   alpha_i + (alpha_f - alpha_i) * (t - w) / (T - w)
class LinearSchedule final : public WarmupSchedule {
 public:
  explicit LinearSchedule(LinearOptions options)
      : WarmupSchedule(options.t_warmup), options_(options) {}

 private:
  double peak() const override { return options_.alpha_i; }
  double after_warmup(const ScheduleClock& clock) const override;
  absl::Status check(const ScheduleClock& clock) const override;

  const LinearOptions options_;
};

}  // namespace composer
