#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/checkpoint/pickle_value.h"

namespace composer {

/// What happens to classes and functions other than those that tensors and dicts are made of.
enum class UnknownGlobals {
  /// The first one is an error that names it.
  REFUSE,
  /// What is made with them becomes a PickleOpaque of their name, whatever it is made of.
  KEEP_OPAQUE,
};

/// Reads a pickle as torch.save writes it (protocol 2), and never runs anything of it: a name in a
/// pickle is compared with the few that are known, which are torch._utils._rebuild_tensor_v2 and
/// _v3, _rebuild_parameter and _rebuild_parameter_with_state, the storages and dtypes of
/// TorchDtype, torch.Size and collections.OrderedDict. Values are None, bools, integers of 64 bits,
/// floats, strings, lists, tuples, dicts and tensors.
///
/// Neither time nor memory grow faster than the pickle, whatever is in it, and nothing is read
/// recursively. DataLoss for a damaged pickle, with the byte; InvalidArgument for what is not among
/// the above.
absl::StatusOr<PickleTree> read_pickle(absl::string_view pickle,
                                       UnknownGlobals unknown = UnknownGlobals::REFUSE);

/// "refers to NAME, which is not among ...": why an unknown name is refused.
std::string unknown_global(absl::string_view name);

}  // namespace composer
