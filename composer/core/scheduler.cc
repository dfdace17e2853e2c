#include "composer/core/scheduler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "composer/core/optimizer.h"

namespace composer {
namespace {

// `value` of unit `from` counted in `to`; unset when that is unknown.
std::optional<double> convert(double value, TimeUnit from, TimeUnit to,
                              const std::optional<int64_t>& batches_per_epoch) {
  if (from == to || value == 0) return value;
  if (batches_per_epoch.value_or(0) <= 0) return {};
  const double epoch = static_cast<double>(*batches_per_epoch);
  if (from == TimeUnit::kEpoch && to == TimeUnit::kBatch) return value * epoch;
  if (from == TimeUnit::kBatch && to == TimeUnit::kEpoch) return value / epoch;
  return {};
}

// From the start of training.
double counted(const ScheduleClock& clock, TimeUnit unit) {
  if (unit == TimeUnit::kEpoch && clock.batches_per_epoch.value_or(0) > 0) {
    return static_cast<double>(clock.now.epoch) + static_cast<double>(clock.now.batch_in_epoch) /
                                                      static_cast<double>(*clock.batches_per_epoch);
  }
  return clock.now.get(unit);
}

}  // namespace

double ScheduleClock::position(TimeUnit unit) const {
  if (unit == TimeUnit::kDuration) return elapsed_fraction();
  const double begin = convert(start, max_duration.unit(), unit, batches_per_epoch).value_or(0);
  return (counted(*this, unit) - begin) / scale_ratio;
}

double ScheduleClock::elapsed_fraction() const {
  if (max_duration.value() <= 0) return 1;
  return (counted(*this, max_duration.unit()) - start) / max_duration.value();
}

double ScheduleClock::progress(const Time& time, double from) const {
  if (time.value() <= 0) return std::numeric_limits<double>::infinity();
  const double progress = (position(time.unit()) - from) / time.value();
  const double whole = std::round(progress);
  const double rounding_error = 1e-12 * std::max(1.0, std::abs(whole));
  return std::abs(progress - whole) <= rounding_error ? whole : progress;
}

std::optional<double> ScheduleClock::in_unit(const Time& time, TimeUnit unit) const {
  if (time.unit() == unit) return time.value();
  const double duration = max_duration.value() / scale_ratio;
  const bool from_fraction = time.unit() == TimeUnit::kDuration;
  const bool to_fraction = unit == TimeUnit::kDuration;
  std::optional<double> value =
      convert(from_fraction ? time.value() * duration : time.value(),
              from_fraction ? max_duration.unit() : time.unit(),
              to_fraction ? max_duration.unit() : unit, batches_per_epoch);
  if (value && to_fraction) *value /= duration;
  return value;
}

absl::Status ScheduleClock::check(const Time& time) const {
  const TimeUnit unit = time.unit() == TimeUnit::kDuration ? max_duration.unit() : time.unit();
  if (unit == TimeUnit::kEpoch && batches_per_epoch.value_or(0) <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", time.to_string(), "\" cannot be scheduled by: it counts epochs",
        time.unit() == TimeUnit::kDuration
            ? absl::StrCat(" (the run lasts ", max_duration.to_string(), ")")
            : "",
        ", and how many batches an epoch of this data has is not known; give a time in batches "
        "(ba), samples (sp) or tokens (tok)"));
  }
  if (!convert(start, max_duration.unit(), unit, batches_per_epoch)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", time.to_string(), "\" cannot be scheduled by: it counts from ", start,
                     suffix(max_duration.unit()), " on, and where that is in ", suffix(unit),
                     " is not known; give a time in ", suffix(max_duration.unit()), " or dur"));
  }
  return absl::OkStatus();
}

ScheduleClock ScheduleClock::part(double begin, double end) const {
  ScheduleClock clock = *this;
  clock.start += begin * scale_ratio;
  clock.max_duration = max_duration.plus((end - begin) * scale_ratio - max_duration.value());
  return clock;
}

double scheduled_lr(const ParameterGroup& group,
                    absl::Span<const std::unique_ptr<Scheduler>> schedulers,
                    const ScheduleClock& clock) {
  double lr = group.initial_lr;
  for (const auto& scheduler : schedulers) lr *= scheduler->group_multiplier(group, clock);
  return lr;
}

}  // namespace composer
