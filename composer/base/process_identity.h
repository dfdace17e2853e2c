#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace composer {

/// Which process something belongs to, told apart from a later one with the same id.
struct ProcessIdentity {
  std::string host;
  int64_t pid = 0;
  /// When it started, in clock ticks after the machine did (/proc/PID/stat).
  int64_t start = 0;

  /// This process.
  static ProcessIdentity current();

  /// "HOST-PID-START"; `parse` reads it back.
  std::string to_string() const;
  static std::optional<ProcessIdentity> parse(absl::string_view text);
};

enum class Liveness {
  kRunning,
  kGone,
  /// It belongs to another machine.
  kUnknown,
};

/// A process that ended and only waits for its parent to notice is gone. In doubt it is running.
Liveness liveness(const ProcessIdentity& process);

}  // namespace composer
