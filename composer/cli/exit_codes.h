#pragma once

#include "absl/status/status.h"
#include "composer/base/status.h"

namespace composer {

// What the command exits with.
inline constexpr int kExitOk = 0;
/// The run failed: out of memory, a full disk, a sample that cannot be read, a bug.
inline constexpr int kExitFailure = 1;
/// The command line or the config is wrong; nothing was written.
inline constexpr int kExitUsage = 2;
/// The training diverged: see `diverged_error`, which callbacks throw.
inline constexpr int kExitDiverged = 3;
/// Stopped by signal n: this plus n, as shells have it. 130 for Ctrl-C.
inline constexpr int kExitSignal = 128;

/// For a failure of fit, eval or predict.
inline int exit_code_of_run(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  return is_diverged(status) ? kExitDiverged : kExitFailure;
}

/// For a failure before training, of what the config asks for: the config's fault, unless the
/// machine is short of something.
inline int exit_code_of_setup(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
      return kExitFailure;
    default:
      return kExitUsage;
  }
}

}  // namespace composer
