#include "composer/optim/schedules/constant.h"

#include <memory>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {

double ConstantSchedule::after_warmup(const ScheduleClock& clock) const {
  return clock.progress(options_.t_max) < 1 ? options_.alpha : 1;
}

absl::Status ConstantSchedule::check(const ScheduleClock& clock) const {
  COMPOSER_RETURN_IF_ERROR(check_multiple("alpha", options_.alpha));
  COMPOSER_RETURN_IF_ERROR(check_time("t_max", options_.t_max, clock));
  return check_not_longer(t_warmup(), "t_max", options_.t_max, clock);
}

namespace {

struct ConfiguredConstant {
  using Config = config::ConstantSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time t_max, parse_time_field("t_max", config.t_max()));
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    return std::make_unique<ConstantSchedule>(
        ConstantOptions{.alpha = config.alpha(), .t_max = t_max, .t_warmup = t_warmup});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredConstant);

}  // namespace
}  // namespace composer
