#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace composer {

/// What a program prints, its errors included, with nothing to read; without a shell. `arguments`
/// begin with the program's path. NotFound (or another error of the system) when it cannot be
/// started; Internal when it fails, with the start of what it printed; ResourceExhausted, and the
/// program is ended, when it prints more than `limit` bytes.
absl::StatusOr<std::string> program_output(const std::vector<std::string>& arguments, size_t limit);

}  // namespace composer
