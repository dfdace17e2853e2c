#include "composer/optim/schedules/sequence.h"

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/core/registries.h"
#include "composer/optim/schedules/schedule_times.h"
#include "proto/scheduler.pb.h"

namespace composer {
namespace {

std::string part_field(size_t index, absl::string_view field) {
  return absl::StrCat("parts[", index, "].", field);
}

}  // namespace

std::pair<const Scheduler*, ScheduleClock> SequenceSchedule::present(
    const ScheduleClock& clock) const {
  const TimeUnit unit = clock.max_duration.unit();
  double begin = 0;
  size_t i = 0;
  while (i + 1 < parts_.size() && clock.progress(*parts_[i].until) >= 1) {
    begin = clock.in_unit(*parts_[i].until, unit).value_or(0);
    ++i;
  }
  const Time end = parts_[i].until.value_or(Time::duration(1));
  return {parts_[i].scheduler.get(), clock.part(begin, clock.in_unit(end, unit).value_or(begin))};
}

double SequenceSchedule::multiplier(const ScheduleClock& clock) const {
  const auto [scheduler, part] = present(clock);
  return scheduler->multiplier(part);
}

double SequenceSchedule::group_multiplier(const ParameterGroup& group,
                                          const ScheduleClock& clock) const {
  const auto [scheduler, part] = present(clock);
  return scheduler->group_multiplier(group, part);
}

absl::Status SequenceSchedule::validate(const ScheduleClock& clock) const {
  const TimeUnit unit = clock.max_duration.unit();
  const double run = clock.in_unit(Time::duration(1), unit).value_or(0);
  double begin = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    double end = run;
    if (parts_[i].until) {
      const Time& until = *parts_[i].until;
      const std::string field = part_field(i, "until");
      COMPOSER_RETURN_IF_ERROR(check_time(field, until, clock));
      const std::optional<double> position = clock.in_unit(until, unit);
      if (!position) {
        return field_error(field, absl::StrCat("where ", until.to_string(), " is in a run of ",
                                               duration_text(clock), " is not known; give it in ",
                                               suffix(unit), " or dur"));
      }
      if (*position <= begin || *position >= run) {
        return field_error(field,
                           absl::StrCat(until.to_string(), " must be ",
                                        *position <= begin ? "after the part before has ended"
                                                           : "before the run ends",
                                        ", in a run of ", duration_text(clock)));
      }
      end = *position;
    }
    COMPOSER_RETURN_IF_ERROR(in_field(part_field(i, parts_[i].field),
                                      parts_[i].scheduler->validate(clock.part(begin, end))));
    begin = end;
  }
  return absl::OkStatus();
}

absl::Status SequenceSchedule::check_groups(absl::Span<const std::string> patterns) const {
  for (size_t i = 0; i < parts_.size(); ++i) {
    COMPOSER_RETURN_IF_ERROR(
        in_field(part_field(i, parts_[i].field), parts_[i].scheduler->check_groups(patterns)));
  }
  return absl::OkStatus();
}

namespace {

struct ConfiguredSequence {
  using Config = config::SequenceSchedule;

  static absl::StatusOr<SequenceSchedule::Part> create_part(const Config::Part& config, bool last) {
    if (last == config.has_until()) {
      return field_error("until", last ? "the last part lasts until the end of the run; leave it "
                                         "out"
                                       : "when does this part end? every part but the last says "
                                         "so, such as \"5ep\"");
    }
    std::optional<Time> until;
    if (config.has_until()) {
      COMPOSER_ASSIGN_OR_RETURN(until, parse_time_field("until", config.until()));
    }
    auto scheduler = build_chosen<Scheduler>(config.scheduler());
    if (!scheduler.ok()) return in_field("scheduler", scheduler.status());
    COMPOSER_ASSIGN_OR_RETURN(const ChosenItem item, chosen_item(config.scheduler()));
    return SequenceSchedule::Part{*std::move(scheduler), until,
                                  absl::StrCat("scheduler.", item.field)};
  }

  static absl::StatusOr<std::unique_ptr<Scheduler>> create(const Config& config) {
    if (config.parts().empty()) return field_error("parts", "must have at least one part");
    std::vector<SequenceSchedule::Part> parts;
    for (int i = 0; i < config.parts_size(); ++i) {
      auto part = create_part(config.parts(i), i + 1 == config.parts_size());
      if (!part.ok()) return in_field(absl::StrCat("parts[", i, "]"), part.status());
      parts.push_back(*std::move(part));
    }
    return std::make_unique<SequenceSchedule>(std::move(parts));
  }
};

COMPOSER_REGISTER(Scheduler, ConfiguredSequence);

}  // namespace
}  // namespace composer
