#include "composer/optim/schedules/cosine_annealing_with_warmup.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {
namespace {

constexpr double kPi = 3.14159265358979323846;

}  // namespace

double CosineAnnealingWithWarmup::multiplier(const ScheduleClock& clock) const {
  const auto& [t_warmup, t_max, alpha_f] = options_;
  const double warmup = clock.progress(t_warmup);
  if (warmup < 1) return warmup;
  const double start = clock.in_unit(t_warmup, t_max.unit()).value_or(0);
  const double length = t_max.value() - start;
  if (length <= 0) return 1;
  const double decay = std::clamp((clock.position(t_max.unit()) - start) / length, 0.0, 1.0);
  return alpha_f + (1 - alpha_f) * (1 + std::cos(kPi * decay)) / 2;
}

absl::Status CosineAnnealingWithWarmup::validate(const ScheduleClock& clock) const {
  const auto& [t_warmup, t_max, alpha_f] = options_;
  COMPOSER_RETURN_IF_ERROR(in_field("t_max", clock.check(t_max)));
  if (t_max.value() <= 0) {
    return field_error("t_max", absl::StrCat("must be above 0, it is ", t_max.to_string()));
  }
  if (t_warmup.value() > 0) {
    COMPOSER_RETURN_IF_ERROR(in_field("t_warmup", clock.check(t_warmup)));
    const std::optional<double> warmup = clock.in_unit(t_warmup, t_max.unit());
    if (!warmup) {
      return field_error("t_warmup",
                         absl::StrCat("t_warmup (", t_warmup.to_string(), ") and t_max (",
                                      t_max.to_string(), ") cannot be compared in a run of ",
                                      clock.max_duration.to_string(), "; give both in one unit"));
    }
    if (*warmup > t_max.value()) {
      return field_error(
          "t_warmup",
          absl::StrCat("the warm-up (", t_warmup.to_string(), ") must not last longer than t_max (",
                       t_max.to_string(), ") in a run of ", clock.max_duration.to_string()));
    }
  }
  const std::optional<double> run = clock.in_unit(Time::duration(1), t_max.unit());
  if (alpha_f == 0 && run && *run > t_max.value()) {
    return field_error(
        "t_max", absl::StrCat("from t_max (", t_max.to_string(), ") to the end of the run (",
                              clock.max_duration.to_string(),
                              ") the learning rate would be 0; set t_max to \"1dur\" or alpha_f "
                              "above 0"));
  }
  return absl::OkStatus();
}

namespace {

struct ConfiguredCosineAnnealingWithWarmup {
  using Config = config::CosineAnnealingWithWarmup;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    COMPOSER_ASSIGN_OR_RETURN(const Time t_max, parse_time_field("t_max", config.t_max()));
    return std::make_unique<CosineAnnealingWithWarmup>(CosineAnnealingWithWarmupOptions{
        .t_warmup = t_warmup, .t_max = t_max, .alpha_f = config.alpha_f()});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredCosineAnnealingWithWarmup);

}  // namespace
}  // namespace composer
