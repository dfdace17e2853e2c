#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace composer {

/// Which file of a folder has which tensors: Hugging Face's model.safetensors.index.json,
///   {"metadata": {"total_size": 24}, "weight_map": {"fc.weight":
///   "model-00001-of-00002.safetensors"}}
struct SafetensorsIndex {
  /// From a tensor's name to its file's, which lies beside the index.
  std::map<std::string, std::string> files;
};

/// Reads an index. DataLoss when it is no JSON of that form, a name comes twice, or a file's name
/// is a path: a downloaded index must not lead out of its folder. What else stands there is
/// skipped, and the total size, which several tools get wrong.
absl::StatusOr<SafetensorsIndex> parse_safetensors_index(absl::string_view json);

}  // namespace composer
