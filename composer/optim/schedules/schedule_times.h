#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/core/scheduler.h"

namespace composer {

/// The time string `text` of the config field `field`, which errors name. Wall-clock times are
/// refused: a schedule by them could not be repeated.
absl::StatusOr<Time> parse_time_field(absl::string_view field, absl::string_view text);

/// "3ep": what `clock` counts to, for messages; a part of a run may have a fraction of an epoch.
std::string duration_text(const ScheduleClock& clock);

// What schedules refuse when the duration is known: InvalidArgument at `field`.

/// A time that must be above 0 and that `clock` can go by.
absl::Status check_time(absl::string_view field, const Time& time, const ScheduleClock& clock);

/// A multiple of the learning rate: finite and at least 0.
absl::Status check_multiple(absl::string_view field, double value);

/// A factor that is applied again and again: finite and above 0.
absl::Status check_factor(absl::string_view field, double value);

/// A schedule whose last value, which it has from `t_max` on, is 0 while the run goes on.
absl::Status check_trains_to_the_end(const Time& t_max, double last_value,
                                     const ScheduleClock& clock);

/// A warm-up, if there is one, that cannot be told in the unit of `time`, the field `name`.
absl::Status check_comparable(const Time& t_warmup, absl::string_view name, const Time& time,
                              const ScheduleClock& clock);

/// The same, or a warm-up that lasts longer than `time`.
absl::Status check_not_longer(const Time& t_warmup, absl::string_view name, const Time& time,
                              const ScheduleClock& clock);

}  // namespace composer
