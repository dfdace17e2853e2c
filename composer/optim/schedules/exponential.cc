#include "composer/optim/schedules/exponential.h"

#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {

double ExponentialSchedule::after_warmup(const ScheduleClock& clock) const {
  return std::pow(options_.gamma, periods(clock, options_.decay_period));
}

absl::Status ExponentialSchedule::check(const ScheduleClock& clock) const {
  const auto& [gamma, decay_period, t_warmup] = options_;
  COMPOSER_RETURN_IF_ERROR(check_factor("gamma", gamma));
  COMPOSER_RETURN_IF_ERROR(check_time("decay_period", decay_period, clock));
  COMPOSER_RETURN_IF_ERROR(check_comparable(t_warmup, "decay_period", decay_period, clock));
  const std::optional<double> end = clock.in_unit(Time::duration(1), decay_period.unit());
  if (end && !std::isfinite(std::pow(gamma, *end / decay_period.value()))) {
    return field_error("gamma",
                       absl::StrCat(gamma, " for each ", decay_period.to_string(),
                                    " becomes infinite in ", duration_text(clock), " of training"));
  }
  return absl::OkStatus();
}

namespace {

struct ConfiguredExponential {
  using Config = config::ExponentialSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time decay_period,
                              parse_time_field("decay_period", config.decay_period()));
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    return std::make_unique<ExponentialSchedule>(ExponentialOptions{
        .gamma = config.gamma(), .decay_period = decay_period, .t_warmup = t_warmup});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredExponential);

}  // namespace
}  // namespace composer
