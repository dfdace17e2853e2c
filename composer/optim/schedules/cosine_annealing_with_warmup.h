#pragma once

#include "composer/core/scheduler.h"

namespace composer {

struct CosineAnnealingWithWarmupOptions {
  Time t_warmup = Time::duration(0);
  Time t_max = Time::duration(1);
  double alpha_f = 0;
};

/// Linear from 0 to 1 over `t_warmup`, then half a cosine from 1 to `alpha_f` at `t_max`, then
/// `alpha_f` (Loshchilov and Hutter, 2016, arXiv:1608.03983). With t, w and T in one unit:
///
///   t < w:  t / w
///   else:   alpha_f + (1 - alpha_f) * (1 + cos(pi * (t - w) / (T - w))) / 2
///
/// The first batch is trained on with the value at 0, so with a warm-up it moves nothing. When the
/// warm-up lasts until `t_max` the value stays at 1 after it.
class CosineAnnealingWithWarmup final : public Scheduler {
 public:
  explicit CosineAnnealingWithWarmup(CosineAnnealingWithWarmupOptions options)
      : options_(options) {}

  double multiplier(const ScheduleClock& clock) const override;

  /// The times may be in different units where the clock can convert them ("100ba" and "1dur" of
  /// a run in epochs). Refuses times that it cannot compare, a warm-up longer than `t_max`, and a
  /// `t_max` after which the rest of the run would train with a learning rate of 0.
  absl::Status validate(const ScheduleClock& clock) const override;

 private:
  const CosineAnnealingWithWarmupOptions options_;
};

}  // namespace composer
