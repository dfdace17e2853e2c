#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/checkpoint/pickle_value.h"

namespace composer {

// The few names of Python's that a file of tensors is made of.

inline constexpr char kOrderedDict[] = "collections.OrderedDict";
inline constexpr char kTorchSize[] = "torch.Size";
inline constexpr char kRebuildTensor2[] = "torch._utils._rebuild_tensor_v2";
inline constexpr char kRebuildTensor3[] = "torch._utils._rebuild_tensor_v3";
inline constexpr char kRebuildParameter[] = "torch._utils._rebuild_parameter";
inline constexpr char kRebuildParameterWithState[] = "torch._utils._rebuild_parameter_with_state";
inline constexpr char kUntypedStorage[] = "torch.storage.UntypedStorage";

/// Whether `name` is one of the above, a class of storages or a dtype.
bool is_pickle_global(absl::string_view name);

/// What Python's function or class of that name makes of these arguments; torch.Size gives a tuple,
/// and a parameter is its tensor. DataLoss when they do not fit, or the name is not called.
absl::StatusOr<PickleValue> call_pickle_global(absl::string_view name,
                                               const PickleTuple& arguments);

/// The storage of torch.save's ("storage", class, key, location, size). DataLoss when it is no such
/// tuple.
absl::StatusOr<PickleValue> make_pickle_storage(const PickleTuple& id);

}  // namespace composer
