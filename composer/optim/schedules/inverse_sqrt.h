#pragma once

#include <optional>

#include "composer/optim/schedules/warmup.h"

namespace composer {

struct InverseSqrtOptions {
  /// As long as the warm-up when unset.
  std::optional<Time> t_scale;
  Time t_warmup = Time::duration(0);
};

/// Falls with the square root of time (Vaswani et al., 2017, arXiv:1706.03762), as Transformers'
/// get_inverse_sqrt_schedule. With t, w (the warm-up) and s = `t_scale` in one unit:
///
///   sqrt(s / (t - w + s))
///
/// With s = w, the default, that is sqrt(w / t), the paper's.
class InverseSqrtSchedule final : public WarmupSchedule {
 public:
  explicit InverseSqrtSchedule(InverseSqrtOptions options)
      : WarmupSchedule(options.t_warmup), options_(options) {}

 private:
  Time scale() const { return options_.t_scale.value_or(options_.t_warmup); }
  double after_warmup(const ScheduleClock& clock) const override;
  absl::Status check(const ScheduleClock& clock) const override;

  const InverseSqrtOptions options_;
};

}  // namespace composer
