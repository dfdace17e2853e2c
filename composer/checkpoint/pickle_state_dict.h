#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/checkpoint/pickle_value.h"

namespace composer {

/// The tensors of a dict in a pickle, by name.
struct PickleStateDict {
  std::vector<std::pair<std::string, const PickleTensor*>> tensors;
  /// The keys that led to the dict, "state.model"; empty when it is the whole.
  std::string key;
  /// Names of what is no tensor.
  std::vector<std::string> left_out;
};

/// Finds the dict that `key` says and takes its tensors, and those of dicts in it, under their keys
/// with dots between. An empty `key` says the first of "state.model", "state_dict",
/// "model_state_dict" and "model" that is a dict, or else the whole. InvalidArgument when `key`
/// leads nowhere, or the dict has no tensor or something of an unknown class; DataLoss when it is
/// no dict that Python could mean: a name twice, a dict in itself.
absl::StatusOr<PickleStateDict> find_state_dict(const PickleValue& root, absl::string_view key);

/// DataLoss unless the tensor's elements lie within a storage of that many bytes, and would take no
/// more than `max_bytes` in memory of their own.
absl::Status check_view(const PickleTensor& tensor, uint64_t storage_bytes, uint64_t max_bytes);

}  // namespace composer
