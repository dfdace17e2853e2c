#include "composer/optim/schedules/step.h"

#include <cmath>
#include <memory>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {

double StepSchedule::after_warmup(const ScheduleClock& clock) const {
  return std::pow(options_.gamma, std::floor(clock.progress(options_.step_size)));
}

absl::Status StepSchedule::check(const ScheduleClock& clock) const {
  COMPOSER_RETURN_IF_ERROR(check_factor("gamma", options_.gamma));
  COMPOSER_RETURN_IF_ERROR(check_time("step_size", options_.step_size, clock));
  return check_not_longer(t_warmup(), "step_size", options_.step_size, clock);
}

namespace {

struct ConfiguredStep {
  using Config = config::StepSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time step_size,
                              parse_time_field("step_size", config.step_size()));
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    return std::make_unique<StepSchedule>(
        StepOptions{.step_size = step_size, .gamma = config.gamma(), .t_warmup = t_warmup});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredStep);

}  // namespace
}  // namespace composer
