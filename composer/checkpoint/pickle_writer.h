#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "composer/checkpoint/pickle_value.h"

namespace composer {

/// The pickle of a value, as torch.save writes it (protocol 2); torch.load(weights_only=True) and
/// read_pickle read it. Shared values stay shared. InvalidArgument for what cannot be written: a
/// PickleOpaque, a string that is not UTF-8, and values that contain one another more than 100
/// deep.
absl::StatusOr<std::string> write_pickle(const PickleValue& root);

}  // namespace composer
