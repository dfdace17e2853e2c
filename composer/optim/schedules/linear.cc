#include "composer/optim/schedules/linear.h"

#include <memory>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {

double LinearSchedule::after_warmup(const ScheduleClock& clock) const {
  const double decayed = decay(clock, options_.t_max);
  return options_.alpha_i * (1 - decayed) + options_.alpha_f * decayed;
}

absl::Status LinearSchedule::check(const ScheduleClock& clock) const {
  COMPOSER_RETURN_IF_ERROR(check_multiple("alpha_i", options_.alpha_i));
  COMPOSER_RETURN_IF_ERROR(check_multiple("alpha_f", options_.alpha_f));
  return check_decay(clock, options_.t_max, options_.alpha_f);
}

namespace {

struct ConfiguredLinear {
  using Config = config::LinearSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time t_max, parse_time_field("t_max", config.t_max()));
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    return std::make_unique<LinearSchedule>(LinearOptions{.alpha_i = config.alpha_i(),
                                                          .alpha_f = config.alpha_f(),
                                                          .t_max = t_max,
                                                          .t_warmup = t_warmup});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredLinear);

}  // namespace
}  // namespace composer
