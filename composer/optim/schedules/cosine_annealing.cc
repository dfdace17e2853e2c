#include "composer/optim/schedules/cosine_annealing.h"

#include <cmath>
#include <memory>
#include <numbers>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {

double CosineAnnealingSchedule::after_warmup(const ScheduleClock& clock) const {
  const double decayed = decay(clock, options_.t_max);
  return options_.alpha_f + (1 - options_.alpha_f) * (1 + std::cos(std::numbers::pi * decayed)) / 2;
}

absl::Status CosineAnnealingSchedule::check(const ScheduleClock& clock) const {
  COMPOSER_RETURN_IF_ERROR(check_multiple("alpha_f", options_.alpha_f));
  return check_decay(clock, options_.t_max, options_.alpha_f);
}

namespace {

struct ConfiguredCosineAnnealing {
  using Config = config::CosineAnnealingSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time t_max, parse_time_field("t_max", config.t_max()));
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    return std::make_unique<CosineAnnealingSchedule>(
        CosineAnnealingOptions{.t_max = t_max, .alpha_f = config.alpha_f(), .t_warmup = t_warmup});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredCosineAnnealing);

}  // namespace
}  // namespace composer
