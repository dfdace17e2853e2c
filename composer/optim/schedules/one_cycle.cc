#include "composer/optim/schedules/one_cycle.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {
namespace {

double between(double from, double to, double progress, OneCycleOptions::Anneal anneal) {
  const double done = anneal == OneCycleOptions::Anneal::kCosine
                          ? (1 - std::cos(std::numbers::pi * progress)) / 2
                          : progress;
  return from * (1 - done) + to * done;
}

}  // namespace

double OneCycleSchedule::multiplier(const ScheduleClock& clock) const {
  const auto& [t_warmup, t_max, div_factor, final_div_factor, anneal] = options_;
  const double first = 1 / div_factor;
  const double rise = clock.progress(t_warmup);
  if (rise < 1) return between(first, 1, rise, anneal);
  const double start = clock.in_unit(t_warmup, t_max.unit()).value_or(0);
  const double length = t_max.value() - start;
  if (length <= 0) return 1;
  const double fall = std::clamp((clock.position(t_max.unit()) - start) / length, 0.0, 1.0);
  return between(1, first / final_div_factor, fall, anneal);
}

absl::Status OneCycleSchedule::validate(const ScheduleClock& clock) const {
  const auto& [t_warmup, t_max, div_factor, final_div_factor, anneal] = options_;
  COMPOSER_RETURN_IF_ERROR(check_factor("div_factor", div_factor));
  COMPOSER_RETURN_IF_ERROR(check_factor("final_div_factor", final_div_factor));
  COMPOSER_RETURN_IF_ERROR(check_time("t_max", t_max, clock));
  if (t_warmup.value() > 0) {
    COMPOSER_RETURN_IF_ERROR(check_time("t_warmup", t_warmup, clock));
  }
  return check_not_longer(t_warmup, "t_max", t_max, clock);
}

namespace {

struct ConfiguredOneCycle {
  using Config = config::OneCycleSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    COMPOSER_ASSIGN_OR_RETURN(const Time t_max, parse_time_field("t_max", config.t_max()));
    return std::make_unique<OneCycleSchedule>(OneCycleOptions{
        .t_warmup = t_warmup,
        .t_max = t_max,
        .div_factor = config.div_factor(),
        .final_div_factor = config.final_div_factor(),
        .anneal = config.anneal() == Config::LINEAR ? OneCycleOptions::Anneal::kLinear
                                                    : OneCycleOptions::Anneal::kCosine});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredOneCycle);

}  // namespace
}  // namespace composer
