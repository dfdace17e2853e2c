#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/checkpoint/name_map.h"
#include "composer/checkpoint/safetensors.h"

namespace composer {

/// The tensors that `map` takes, under their new names, in their order.
absl::StatusOr<NamedTensors> rename_tensors(const NamedTensors& tensors, const NameMap& map);

/// Tensors of which each stands there once.
struct UntiedTensors {
  NamedTensors tensors;
  /// Names of which the tensor is another one's, and that one's: {"head.weight", "embed.weight"}.
  std::vector<std::pair<std::string, std::string>> tied;
};

/// Separates tensors that are the same view of the same memory, of which the first name in
/// alphabetical order is kept. As metadata of a safetensors file, `tied` is what Python's
/// safetensors.torch.save_model writes, and load_model reads.
UntiedTensors separate_tied(const NamedTensors& tensors);

/// The tensors of a file, and under the names that its metadata calls tied those that they are.
/// Metadata that names no tensor of the file is something else, and ignored.
NamedTensors restore_tied(const SafetensorsFile& file);

}  // namespace composer
