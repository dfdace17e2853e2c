#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/time.h"

namespace composer {

/// The time string `text` of the config field `field`, which errors name. Wall-clock times are
/// refused: a schedule by them could not be repeated.
absl::StatusOr<Time> parse_time_field(absl::string_view field, absl::string_view text);

}  // namespace composer
