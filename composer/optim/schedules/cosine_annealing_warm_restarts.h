#pragma once

#include "composer/optim/schedules/warmup.h"

namespace composer {

struct CosineAnnealingWarmRestartsOptions {
  Time t_0;
  /// At least 1.
  double t_mult = 1;
  double alpha_f = 0;
  Time t_warmup = Time::duration(0);
};

/// Half a cosine from 1 to `alpha_f`, again and again; each cycle is `t_mult` times as long as the
/// one before, the first `t_0` (Loshchilov and Hutter, 2016, arXiv:1608.03983). Composer's
/// CosineAnnealingWarmRestartsScheduler, whose cycles are cut to whole batches. With t, w (the
/// warm-up) and t_0 in one unit and c, b the present cycle's beginning and length:
///
///   alpha_f + (1 - alpha_f) * (1 + cos(pi * (t - w - c) / b)) / 2
///   b = t_0 * t_mult ^ i,  c = t_0 * (1 + t_mult + ... + t_mult ^ (i - 1))
class CosineAnnealingWarmRestartsSchedule final : public WarmupSchedule {
 public:
  explicit CosineAnnealingWarmRestartsSchedule(CosineAnnealingWarmRestartsOptions options)
      : WarmupSchedule(options.t_warmup), options_(options) {}

 private:
  double after_warmup(const ScheduleClock& clock) const override;
  absl::Status check(const ScheduleClock& clock) const override;

  const CosineAnnealingWarmRestartsOptions options_;
};

}  // namespace composer
