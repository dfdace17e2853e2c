#pragma once

#include <c10/util/Exception.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/base/status.h"

namespace composer {

/// What SGD and its kin keep of a parameter. Throws a ValueError, in the name of `who`, for options
/// that are out of range or cannot work together.
template <typename Options>
std::vector<std::string> sgd_state_kinds(const char* who, const Options& options) {
  TORCH_CHECK_VALUE(options.momentum >= 0 && options.momentum < 1, who,
                    "'s momentum must be in [0, 1), not ", options.momentum);
  TORCH_CHECK_VALUE(!options.nesterov || (options.momentum > 0 && options.dampening == 0), who,
                    " with nesterov needs a momentum and no dampening");
  if (options.momentum == 0) return {};
  return {"momentum_buffer"};
}

/// The options that their config says; a field_error when they cannot work together.
template <typename Options, typename Config>
absl::StatusOr<Options> sgd_options(const Config& config) {
  if (config.nesterov() && (config.momentum() == 0 || config.dampening() != 0)) {
    return field_error("nesterov", "nesterov needs a momentum above 0 and a dampening of 0");
  }
  return Options{.lr = config.lr(),
                 .momentum = config.momentum(),
                 .dampening = config.dampening(),
                 .weight_decay = config.weight_decay(),
                 .nesterov = config.nesterov()};
}

}  // namespace composer
