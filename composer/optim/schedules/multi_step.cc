#include "composer/optim/schedules/multi_step.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {

double MultiStepSchedule::after_warmup(const ScheduleClock& clock) const {
  double multiple = 1;
  for (const Time& milestone : options_.milestones) {
    if (clock.progress(milestone) >= 1) multiple *= options_.gamma;
  }
  return multiple;
}

absl::Status MultiStepSchedule::check(const ScheduleClock& clock) const {
  COMPOSER_RETURN_IF_ERROR(check_factor("gamma", options_.gamma));
  const std::vector<Time>& milestones = options_.milestones;
  if (milestones.empty()) return field_error("milestones", "must have at least one time");
  for (size_t i = 0; i < milestones.size(); ++i) {
    const std::string field = absl::StrCat("milestones[", i, "]");
    COMPOSER_RETURN_IF_ERROR(check_time(field, milestones[i], clock));
    if (i == 0) continue;
    const std::optional<double> previous = clock.in_unit(milestones[i - 1], milestones[i].unit());
    if (!previous || *previous >= milestones[i].value()) {
      return field_error(
          field,
          absl::StrCat(milestones[i].to_string(), " must be after ", milestones[i - 1].to_string(),
                       previous ? "" : ", with which it cannot be compared; use one unit"));
    }
  }
  return check_not_longer(t_warmup(), "milestones[0]", milestones[0], clock);
}

namespace {

struct ConfiguredMultiStep {
  using Config = config::MultiStepSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    COMPOSER_ASSIGN_OR_RETURN(const Time t_warmup, parse_time_field("t_warmup", config.t_warmup()));
    std::vector<Time> milestones;
    for (int i = 0; i < config.milestones_size(); ++i) {
      COMPOSER_ASSIGN_OR_RETURN(
          const Time milestone,
          parse_time_field(absl::StrCat("milestones[", i, "]"), config.milestones(i)));
      milestones.push_back(milestone);
    }
    return std::make_unique<MultiStepSchedule>(MultiStepOptions{
        .milestones = std::move(milestones), .gamma = config.gamma(), .t_warmup = t_warmup});
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredMultiStep);

}  // namespace
}  // namespace composer
