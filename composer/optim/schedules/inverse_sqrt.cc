#include "composer/optim/schedules/inverse_sqrt.h"

#include <cmath>
#include <memory>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {

double InverseSqrtSchedule::after_warmup(const ScheduleClock& clock) const {
  return 1 / std::sqrt(1 + periods(clock, scale()));
}

absl::Status InverseSqrtSchedule::check(const ScheduleClock& clock) const {
  if (scale().value() <= 0) {
    return field_error(
        "t_scale",
        "must be above 0; it is the length of the warm-up when left out, and there is "
        "none");
  }
  COMPOSER_RETURN_IF_ERROR(check_time("t_scale", scale(), clock));
  return check_comparable(t_warmup(), "t_scale", scale(), clock);
}

namespace {

struct ConfiguredInverseSqrt {
  using Config = config::InverseSqrtSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    std::optional<Time> t_scale;
    if (config.has_t_scale()) {
      COMPOSER_ASSIGN_OR_RETURN(t_scale, parse_time_field("t_scale", config.t_scale()));
    }
    return std::make_unique<InverseSqrtSchedule>(
        InverseSqrtOptions{.t_scale = t_scale, .t_warmup = t_warmup});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredInverseSqrt);

}  // namespace
}  // namespace composer
