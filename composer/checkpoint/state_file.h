#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "composer/core/state_dict.h"

namespace composer {

/// Writes a StateDict as one safetensors file, which appears whole or not at all. A tensor's name
/// in the file is its path, "optimizers/0/exp_avg/fc1.weight", in which a "/" or "~" of a name is
/// written as in a JSON pointer (RFC 6901). The metadata entry "state" has all else as JSON: an
/// object for each part, with its `tensors` (true, or null for an undefined one), `integers`,
/// `numbers`, `strings` and `children`. A number that is not finite is the text of its bits,
/// "0x7ff8000000000000".
///
/// InvalidArgument names the entry that cannot be written: a name or string that is not UTF-8, or a
/// tensor whose dtype or layout safetensors does not have.
absl::Status write_state_file(const std::string& path, const StateDict& state);

/// Reads what `write_state_file` wrote, to the same bits, with tensors on the CPU, row-major.
/// NotFound when there is no file; DataLoss names the file and the entry when one is damaged, is
/// missing, or is not the state's.
absl::StatusOr<StateDict> read_state_file(const std::string& path);

}  // namespace composer
