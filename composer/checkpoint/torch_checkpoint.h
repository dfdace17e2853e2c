#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/checkpoint/safetensors.h"

namespace composer {

struct TorchCheckpoint {
  /// In the file's order, on the CPU, with the strides they were saved with. Tied tensors, and
  /// views of one another, share memory as they did. A dict in the dict gives names with a dot:
  /// "state.0.exp_avg".
  NamedTensors tensors;
  /// The keys that led to them, "state.model"; empty when they were the whole.
  std::string key;
  /// Names of what is no tensor (numbers, strings, lists), which is not read.
  std::vector<std::string> left_out;
};

/// Reads the tensors of a dict in a file of torch.save's (PyTorch 1.6 or later), in which nothing
/// is ever executed. `key` says which dict, by keys with dots between: "ema.model". Without it: the
/// first of "state.model" (as Composer's trainer saves), "state_dict", "model_state_dict" and
/// "model" that is a dict, or else the whole.
///
/// Objects of classes that are not known are skipped outside of that dict, for no trainer's
/// checkpoint is without; within it they are refused by name. NotFound or PermissionDenied when the
/// file cannot be opened, DataLoss when it is damaged, InvalidArgument or Unimplemented when it
/// holds what is not read; the message names the file. Nothing that it says is believed before it
/// is checked: views stay within their storages, storages within the file.
absl::StatusOr<TorchCheckpoint> read_torch_checkpoint(const std::string& path,
                                                      absl::string_view key = "");

/// Writes a state dict, an OrderedDict of these tensors in this order, that torch.load reads, with
/// weights_only=True too. Tensors that share memory share it in the file; a storage of which only a
/// part is used is not written whole but copied. The file appears whole or not at all.
/// InvalidArgument when a name comes twice or is not UTF-8, or a tensor is not dense.
absl::Status write_torch_checkpoint(const std::string& path, const NamedTensors& tensors);

}  // namespace composer
