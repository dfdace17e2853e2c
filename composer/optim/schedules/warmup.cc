#include "composer/optim/schedules/warmup.h"

#include <algorithm>

#include "composer/base/status.h"
#include "composer/optim/schedules/schedule_times.h"

namespace composer {

double WarmupSchedule::multiplier(const ScheduleClock& clock) const {
  const double warmup = clock.progress(t_warmup_);
  return warmup < 1 ? peak() * warmup : after_warmup(clock);
}

absl::Status WarmupSchedule::validate(const ScheduleClock& clock) const {
  if (t_warmup_.value() > 0) {
    COMPOSER_RETURN_IF_ERROR(check_time("t_warmup", t_warmup_, clock));
  }
  return check(clock);
}

double WarmupSchedule::periods(const ScheduleClock& clock, const Time& length) const {
  return clock.progress(length, clock.in_unit(t_warmup_, length.unit()).value_or(0));
}

double WarmupSchedule::decay(const ScheduleClock& clock, const Time& t_max) const {
  const double start = clock.in_unit(t_warmup_, t_max.unit()).value_or(0);
  const double length = t_max.value() - start;
  if (length <= 0) return 0;
  return std::clamp((clock.position(t_max.unit()) - start) / length, 0.0, 1.0);
}

absl::Status WarmupSchedule::check_decay(const ScheduleClock& clock, const Time& t_max,
                                         double alpha_f) const {
  COMPOSER_RETURN_IF_ERROR(check_time("t_max", t_max, clock));
  COMPOSER_RETURN_IF_ERROR(check_not_longer(t_warmup_, "t_max", t_max, clock));
  return check_trains_to_the_end(t_max, alpha_f, clock);
}

}  // namespace composer
