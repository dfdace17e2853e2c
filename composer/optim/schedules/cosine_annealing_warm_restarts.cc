#include "composer/optim/schedules/cosine_annealing_warm_restarts.h"

#include <cmath>
#include <memory>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {
namespace {

// How far `cycles`, counted in the first one's length, is within its cycle, 0 to below 1.
double position_in_cycle(double cycles, double t_mult) {
  if (t_mult == 1) return cycles - std::floor(cycles);
  // Where cycle i begins: the sum of the lengths before it.
  const auto begin = [&](double i) { return (std::pow(t_mult, i) - 1) / (t_mult - 1); };
  double i = std::floor(std::log1p(cycles * (t_mult - 1)) / std::log(t_mult));
  if (cycles >= begin(i + 1)) i += 1;  // the logarithm was rounded
  if (cycles < begin(i)) i -= 1;
  return (cycles - begin(i)) / std::pow(t_mult, i);
}

}  // namespace

double CosineAnnealingWarmRestartsSchedule::after_warmup(const ScheduleClock& clock) const {
  const double decayed = position_in_cycle(periods(clock, options_.t_0), options_.t_mult);
  return options_.alpha_f + (1 - options_.alpha_f) * (1 + std::cos(std::numbers::pi * decayed)) / 2;
}

absl::Status CosineAnnealingWarmRestartsSchedule::check(const ScheduleClock& clock) const {
  const auto& [t_0, t_mult, alpha_f, t_warmup] = options_;
  COMPOSER_RETURN_IF_ERROR(check_multiple("alpha_f", alpha_f));
  if (!(t_mult >= 1) || !std::isfinite(t_mult)) {
    return field_error("t_mult", absl::StrCat("must be a number of at least 1, it is ", t_mult));
  }
  COMPOSER_RETURN_IF_ERROR(check_time("t_0", t_0, clock));
  return check_comparable(t_warmup, "t_0", t_0, clock);
}

namespace {

struct ConfiguredCosineAnnealingWarmRestarts {
  using Config = config::CosineAnnealingWarmRestartsSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time t_0, parse_time_field("t_0", config.t_0()));
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    return std::make_unique<CosineAnnealingWarmRestartsSchedule>(CosineAnnealingWarmRestartsOptions{
        .t_0 = t_0, .t_mult = config.t_mult(), .alpha_f = config.alpha_f(), .t_warmup = t_warmup});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredCosineAnnealingWarmRestarts);

}  // namespace
}  // namespace composer
