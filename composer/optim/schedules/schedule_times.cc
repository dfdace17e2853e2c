#include "composer/optim/schedules/schedule_times.h"

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {

absl::StatusOr<Time> parse_time_field(absl::string_view field, absl::string_view text) {
  const absl::StatusOr<Time> time = Time::parse(text);
  if (!time.ok()) return in_field(field, time.status());
  if (time->unit() == TimeUnit::kSecond) {
    return field_error(field, absl::StrCat("\"", text,
                                           "\" is wall-clock time, by which a schedule "
                                           "could not be repeated; use ep, ba, sp, tok or dur"));
  }
  if (time->value() < 0) {
    return field_error(field, absl::StrCat("\"", text, "\" must not be negative"));
  }
  return time;
}

}  // namespace composer
