#pragma once

#include "composer/optim/schedules/warmup.h"

namespace composer {

struct CosineAnnealingOptions {
  Time t_max = Time::duration(1);
  double alpha_f = 0;
  Time t_warmup = Time::duration(0);
};

/// Half a cosine from 1 to `alpha_f` at `t_max`, then `alpha_f` (Loshchilov and Hutter, 2016,
/// arXiv:1608.03983), as Composer's CosineAnnealingScheduler and
/// CosineAnnealingWithWarmupScheduler. With t, w (the warm-up) and T in one unit:
///
///   alpha_f + (1 - alpha_f) * (1 + cos(pi * (t - w) / (T - w))) / 2
class CosineAnnealingSchedule final : public WarmupSchedule {
 public:
  explicit CosineAnnealingSchedule(CosineAnnealingOptions options)
      : WarmupSchedule(options.t_warmup), options_(options) {}

 private:
  double after_warmup(const ScheduleClock& clock) const override;
  absl::Status check(const ScheduleClock& clock) const override;

  const CosineAnnealingOptions options_;
};

}  // namespace composer
