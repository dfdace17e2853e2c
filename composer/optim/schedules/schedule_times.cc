#include "composer/optim/schedules/schedule_times.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
namespace {

// Times that went through another unit are equal but for this.
constexpr double kRounding = 1 + 1e-12;

}  // namespace

absl::StatusOr<Time> parse_time_field(absl::string_view field, absl::string_view text) {
  const absl::StatusOr<Time> time = Time::parse(text);
  if (!time.ok()) return in_field(field, time.status());
  if (time->unit() == TimeUnit::kSecond || time->unit() == TimeUnit::kIteration) {
    return field_error(
        field, absl::StrCat("\"", text, "\" is ",
                            time->unit() == TimeUnit::kSecond
                                ? "wall-clock time, by which a schedule could not be repeated"
                                : "in iterations, by which nothing is scheduled",
                            "; use ep, ba, sp, tok or dur"));
  }
  if (time->value() < 0) {
    return field_error(field, absl::StrCat("\"", text, "\" must not be negative"));
  }
  return time;
}

std::string duration_text(const ScheduleClock& clock) {
  const Time& duration = clock.max_duration;
  if (duration.value() == std::trunc(duration.value())) return duration.to_string();
  return absl::StrCat(duration.value(), suffix(duration.unit()));
}

absl::Status check_time(absl::string_view field, const Time& time, const ScheduleClock& clock) {
  COMPOSER_RETURN_IF_ERROR(in_field(field, clock.check(time)));
  if (time.value() > 0) return absl::OkStatus();
  return field_error(field, absl::StrCat("must be above 0, it is ", time.to_string()));
}

absl::Status check_multiple(absl::string_view field, double value) {
  if (std::isfinite(value) && value >= 0) return absl::OkStatus();
  return field_error(field, absl::StrCat("must be a number of at least 0, it is ", value));
}

absl::Status check_factor(absl::string_view field, double value) {
  if (std::isfinite(value) && value > 0) return absl::OkStatus();
  return field_error(field, absl::StrCat("must be a number above 0, it is ", value));
}

absl::Status check_trains_to_the_end(const Time& t_max, double last_value,
                                     const ScheduleClock& clock) {
  const std::optional<double> end = clock.in_unit(Time::duration(1), t_max.unit());
  if (last_value != 0 || !end || *end <= t_max.value() * kRounding) return absl::OkStatus();
  return field_error(
      "t_max",
      absl::StrCat("from t_max (", t_max.to_string(), ") to the end (", duration_text(clock),
                   ") the learning rate would be 0; set t_max to \"1dur\" or alpha_f above 0"));
}

absl::Status check_comparable(const Time& t_warmup, absl::string_view name, const Time& time,
                              const ScheduleClock& clock) {
  if (t_warmup.value() <= 0 || clock.in_unit(t_warmup, time.unit())) return absl::OkStatus();
  return field_error(
      "t_warmup", absl::StrCat("t_warmup (", t_warmup.to_string(), ") and ", name, " (",
                               time.to_string(), ") cannot be compared in ", duration_text(clock),
                               " of training; give both in one unit"));
}

absl::Status check_not_longer(const Time& t_warmup, absl::string_view name, const Time& time,
                              const ScheduleClock& clock) {
  COMPOSER_RETURN_IF_ERROR(check_comparable(t_warmup, name, time, clock));
  const double warmup = clock.in_unit(t_warmup, time.unit()).value_or(0);
  if (warmup <= time.value() * kRounding) return absl::OkStatus();
  return field_error(
      "t_warmup",
      absl::StrCat("the warm-up (", t_warmup.to_string(), ") must not last longer than ", name,
                   " (", time.to_string(), ") in ", duration_text(clock), " of training"));
}

}  // namespace composer
