#include "composer/core/scheduler.h"

#include <limits>

#include "absl/strings/str_cat.h"

namespace composer {

double ScheduleClock::position(TimeUnit unit) const {
  if (unit == TimeUnit::kDuration) return elapsed_fraction();
  if (unit == TimeUnit::kEpoch && batches_per_epoch.value_or(0) > 0) {
    return static_cast<double>(now.epoch) +
           static_cast<double>(now.batch_in_epoch) / static_cast<double>(*batches_per_epoch);
  }
  return now.get(unit);
}

double ScheduleClock::elapsed_fraction() const {
  return max_duration.value() > 0 ? position(max_duration.unit()) / max_duration.value() : 1;
}

double ScheduleClock::progress(const Time& time) const {
  if (time.value() <= 0) return std::numeric_limits<double>::infinity();
  return position(time.unit()) / time.value();
}

std::optional<double> ScheduleClock::in_unit(const Time& time, TimeUnit unit) const {
  if (time.unit() == unit) return time.value();
  double value = time.value();
  TimeUnit from = time.unit();
  if (from == TimeUnit::kDuration) {
    value *= max_duration.value();
    from = max_duration.unit();
  }
  const TimeUnit to = unit == TimeUnit::kDuration ? max_duration.unit() : unit;
  if (from != to) {
    if (batches_per_epoch.value_or(0) <= 0) return {};
    const double epoch = static_cast<double>(*batches_per_epoch);
    if (from == TimeUnit::kEpoch && to == TimeUnit::kBatch) {
      value *= epoch;
    } else if (from == TimeUnit::kBatch && to == TimeUnit::kEpoch) {
      value /= epoch;
    } else {
      return {};
    }
  }
  return unit == TimeUnit::kDuration ? value / max_duration.value() : value;
}

absl::Status ScheduleClock::check(const Time& time) const {
  const TimeUnit unit = time.unit() == TimeUnit::kDuration ? max_duration.unit() : time.unit();
  if (unit != TimeUnit::kEpoch || batches_per_epoch.value_or(0) > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", time.to_string(), "\" cannot be scheduled by: it counts epochs",
      time.unit() == TimeUnit::kDuration
          ? absl::StrCat(" (the run lasts ", max_duration.to_string(), ")")
          : "",
      ", and how many batches an epoch of this data has is not known; give a time in batches (ba), "
      "samples (sp) or tokens (tok)"));
}

}  // namespace composer
