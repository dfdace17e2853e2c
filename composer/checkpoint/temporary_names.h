#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace composer {

/// What an unfinished thing beside the checkpoints is for.
enum class TemporaryKind {
  /// Is written, and gets its name when it is complete.
  kNew,
  /// Had its name until another took it. The one kind that a kill can leave complete and without
  /// a successor.
  kReplaced,
  /// Is removed.
  kDeleted,
};

/// PARENT/.NAME.composer-KIND-HOST-PID-START-N: says what it is, whose it is and, as a hidden
/// name, that it is no checkpoint. Nothing exists under it.
std::string unused_temporary_path(const std::string& parent, absl::string_view name,
                                  TemporaryKind kind);

/// Removes what processes that are gone left in `parent` under such names; what had been replaced
/// by nothing gets its name back. Whether a process of another machine is gone cannot be told:
/// give `alone` when a RunLock keeps all others out. Returns the names that were there; an error
/// names what could not be removed, after all else was.
absl::StatusOr<std::vector<std::string>> remove_leftovers(const std::string& parent, bool alone);

/// Writes PARENT/NAME whole or not at all, synced.
absl::Status replace_file(const std::string& parent, const std::string& name,
                          absl::string_view text);

/// Makes the link PARENT/NAME to `target`, in place of one that may be there, synced.
absl::Status replace_link(const std::string& parent, const std::string& name,
                          const std::string& target);

}  // namespace composer
