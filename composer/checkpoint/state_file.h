#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/core/state_dict.h"

namespace composer {

/// A state as a safetensors file holds it. Its tensors are called by their paths,
/// "exp_avg/fc1.weight"; the rest is in the metadata, under its kind and its path:
/// "integer:step/fc1.weight", "number:groups/0/lr", "string:type", "part:exp_avg" for a part
/// without anything in it. "~" and "/" in a name are "~0" and "~1" in a path, as in RFC 6901.
SafetensorsFile to_safetensors(const StateDict& state);

/// The state that `to_safetensors` made a file of. InvalidArgument for metadata of another kind.
absl::StatusOr<StateDict> from_safetensors(const SafetensorsFile& file);

/// Writes a state, such as an optimizer's, to a safetensors file and reads it back. What is read is
/// identical, but that its tensors are on the CPU and row-major.
absl::Status write_state(const std::string& path, const StateDict& state);
absl::StatusOr<StateDict> read_state(const std::string& path);

}  // namespace composer
