#include "composer/optim/schedules/constant.h"

#include <memory>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {

double Constant::multiplier(const ScheduleClock& clock) const {
  return clock.progress(options_.t_max) < 1 ? options_.alpha : 1;
}

absl::Status Constant::validate(const ScheduleClock& clock) const {
  return in_field("t_max", clock.check(options_.t_max));
}

namespace {

struct ConfiguredConstant {
  using Config = config::Constant;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time t_max, parse_time_field("t_max", config.t_max()));
    return std::make_unique<Constant>(ConstantOptions{.alpha = config.alpha(), .t_max = t_max});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredConstant);

}  // namespace
}  // namespace composer
