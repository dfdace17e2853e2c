#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace composer {

/// Runs this program with other arguments to its end, and returns its exit code; 128 + n when
/// signal n ended it. What it prints goes to the file `output`. A signal that a SignalScope of this
/// process notes meanwhile is passed on.
absl::StatusOr<int> run_this_program(const std::vector<std::string>& arguments,
                                     const std::string& output);

}  // namespace composer
