#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/time.h"
#include "composer/core/event.h"

namespace composer {

struct State;

// What algorithms that act from some time of a run on, or every so often, check and ask alike.

/// The time that a config's `field` gives as text.
absl::StatusOr<Time> parse_time(absl::string_view field, const std::string& text);

/// Throws the field's error unless `time` is a part of the run from 0 to 1, or not negative in a
/// unit other than seconds, which no two runs spend alike.
void check_start(absl::string_view field, const Time& time);

/// The event at which every so many batches or epochs end. Throws the field's error unless
/// `interval` is in one of the two and above zero.
Event check_interval(absl::string_view field, const Time& interval);

/// Whether the run has come to `time`. REQUIRES: check_start.
bool has_come(const Time& time, const State& state);

}  // namespace composer
