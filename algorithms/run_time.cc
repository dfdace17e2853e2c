#include "algorithms/run_time.h"

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/state.h"

namespace composer {

absl::StatusOr<Time> parse_time(absl::string_view field, const std::string& text) {
  absl::StatusOr<Time> time = Time::parse(text);
  if (!time.ok()) return in_field(field, time.status());
  return time;
}

void check_start(absl::string_view field, const Time& time) {
  if (time.unit() == TimeUnit::kSecond) {
    throw_if_error(field_error(
        field, absl::StrCat("must not be in seconds, which no two runs spend alike; it is \"",
                            time.to_string(), "\"")));
  }
  if (time.value() < 0 || (time.unit() == TimeUnit::kDuration && time.value() > 1)) {
    throw_if_error(field_error(
        field, absl::StrCat("must be from \"0dur\" to \"1dur\", or an amount of training; it is \"",
                            time.to_string(), "\"")));
  }
}

Event check_interval(absl::string_view field, const Time& interval) {
  const bool epochs = interval.unit() == TimeUnit::kEpoch;
  if ((!epochs && interval.unit() != TimeUnit::kBatch) || interval.value() <= 0) {
    throw_if_error(
        field_error(field, absl::StrCat("must be a number of batches or epochs above 0, such as "
                                        "\"10ba\" or \"1ep\"; it is \"",
                                        interval.to_string(), "\"")));
  }
  return epochs ? Event::kEpochEnd : Event::kBatchEnd;
}

bool has_come(const Time& time, const State& state) {
  if (time.unit() == TimeUnit::kDuration) return state.elapsed_duration() >= time.value();
  return reached(state.timestamp, time);
}

}  // namespace composer
