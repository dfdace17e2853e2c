#include "composer/optim/schedules/for_groups.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/config/build_chosen.h"
#include "composer/core/optimizer.h"
#include "composer/core/registries.h"
#include "proto/scheduler.pb.h"

namespace composer {
namespace {

template <typename Strings>
bool contains(const Strings& strings, const std::string& wanted) {
  return std::find(strings.begin(), strings.end(), wanted) != strings.end();
}

std::string quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

}  // namespace

double ForGroupsSchedule::multiplier(const ScheduleClock& clock) const {
  return scheduler_->multiplier(clock);
}

double ForGroupsSchedule::group_multiplier(const ParameterGroup& group,
                                           const ScheduleClock& clock) const {
  return contains(patterns_, group.pattern) ? scheduler_->group_multiplier(group, clock) : 1;
}

absl::Status ForGroupsSchedule::validate(const ScheduleClock& clock) const {
  return in_field(field_, scheduler_->validate(clock));
}

absl::Status ForGroupsSchedule::check_groups(absl::Span<const std::string> patterns) const {
  for (size_t i = 0; i < patterns_.size(); ++i) {
    if (contains(patterns, patterns_[i])) continue;
    std::vector<std::string> known;
    for (const std::string& pattern : patterns) {
      if (!contains(known, quoted(pattern))) known.push_back(quoted(pattern));
    }
    return field_error(absl::StrCat("patterns[", i, "]"),
                       absl::StrCat("no parameter group has the pattern ", quoted(patterns_[i]),
                                    "; the optimizer's groups have ", enumerate(known, "and")));
  }
  return in_field(field_, scheduler_->check_groups(patterns));
}

namespace {

struct ConfiguredForGroups {
  using Config = config::ForGroupsSchedule;

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    if (config.patterns().empty()) return field_error("patterns", "must name at least one group");
    auto scheduler = build_chosen<Scheduler>(config.scheduler());
    if (!scheduler.ok()) return in_field("scheduler", scheduler.status());
    COMPOSER_ASSIGN_OR_RETURN(const ChosenItem item, chosen_item(config.scheduler()));
    return std::make_unique<ForGroupsSchedule>(
        std::vector<std::string>(config.patterns().begin(), config.patterns().end()),
        *std::move(scheduler), absl::StrCat("scheduler.", item.field));
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredForGroups);

}  // namespace
}  // namespace composer
