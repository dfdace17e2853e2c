#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/base/time.h"
#include "composer/cli/interrupt.h"

namespace composer {

/// Reads `--stop-at`: a time in any unit but iterations, which end nowhere that a run stops.
absl::StatusOr<Time> parse_stop_at(const std::string& text);

/// FailedPrecondition when the run has reached that time already.
absl::Status check_stop_at(const Time& time, const State& state);

/// Interrupts the run when it reaches `time`, as a signal does. Its duration and its schedules stay
/// what they are.
BoundaryHook stop_at(Time time);

}  // namespace composer
