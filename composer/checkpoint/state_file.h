#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/core/state_dict.h"

namespace composer {

/// What the safetensors file of a StateDict has.
struct StateFileContent {
  /// Shared with the StateDict.
  NamedTensors tensors;
  SafetensorsMetadata metadata;
};

/// A StateDict as one safetensors file. A tensor's name in the file is its path,
/// "optimizers/0/exp_avg/fc1.weight", in which a "/" or "~" of a name is written as in a JSON
/// pointer (RFC 6901). The metadata entry "state" has all else as JSON: an object for each part,
/// with its `tensors` (true, or null for an undefined one), `integers`, `numbers`, `strings` and
/// `children`. A number that is not finite is the text of its bits, "0x7ff8000000000000".
///
/// InvalidArgument names the entry that cannot be written: a name or string that is not UTF-8, or a
/// tensor whose layout safetensors does not have.
absl::StatusOr<StateFileContent> state_file_content(const StateDict& state);

/// The StateDict that a file holds, to the same bits, with the file's tensors. DataLoss names the
/// entry that is damaged, is missing, or is not the state's.
absl::StatusOr<StateDict> state_in(SafetensorsFile file);

/// Writes that file; it appears whole or not at all. InvalidArgument as of `state_file_content`,
/// and for a tensor whose dtype safetensors does not have.
absl::Status write_state_file(const std::string& path, const StateDict& state);

/// Reads what `write_state_file` wrote, with tensors on the CPU, row-major. NotFound when there is
/// no file; DataLoss names the file and what is wrong with it.
absl::StatusOr<StateDict> read_state_file(const std::string& path);

}  // namespace composer
