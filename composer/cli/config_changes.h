#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/config/differences.h"
#include "proto/run.pb.h"

namespace composer {

/// The stateful fields in which a run that was begun as `then` would go on otherwise as `now`.
/// InvalidArgument, with a table of them, unless each is `allowed`: named there, or below a field
/// that is ("optimizer" allows "optimizer.sgd.lr"). InvalidArgument also for an allowed field that
/// did not change.
absl::StatusOr<std::vector<FieldDifference>> check_config_changes(
    const config::Run& then, const config::Run& now, const std::vector<std::string>& allowed);

}  // namespace composer
