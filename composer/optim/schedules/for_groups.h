#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "composer/core/scheduler.h"

namespace composer {

/// A schedule for some of the optimizers' parameter groups; it leaves the others alone.
class ForGroupsSchedule final : public Scheduler {
 public:
  /// `patterns` as ParameterGroup::pattern has them; "" is the parameters that no rule chose.
  /// `field` is the path of the scheduler's config, for errors.
  ForGroupsSchedule(std::vector<std::string> patterns, std::unique_ptr<Scheduler> scheduler,
                    std::string field = "scheduler")
      : patterns_(std::move(patterns)),
        scheduler_(std::move(scheduler)),
        field_(std::move(field)) {}

  /// That of the groups it is for.
  double multiplier(const ScheduleClock& clock) const override;
  double group_multiplier(const ParameterGroup& group, const ScheduleClock& clock) const override;
  absl::Status validate(const ScheduleClock& clock) const override;
  /// Refuses a pattern that no group has.
  absl::Status check_groups(absl::Span<const std::string> patterns) const override;

 private:
  const std::vector<std::string> patterns_;
  const std::unique_ptr<Scheduler> scheduler_;
  const std::string field_;
};

}  // namespace composer
