#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "composer/trainer/replay.h"
#include "composer/trainer/saved_step.h"

namespace composer {

/// What a replay found, in lines for people.
std::vector<std::string> replay_lines(const SavedStep& step, const ReplayReport& report);

/// The same as one JSON object.
std::string replay_json(absl::string_view folder, const SavedStep& step,
                        const ReplayReport& report);

}  // namespace composer
