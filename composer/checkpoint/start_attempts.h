#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace composer {

/// A checkpoint from which so many starts in a row did not come to the end of a step is bad,
/// however whole its files are.
constexpr int kMostFailedStarts = 2;

/// The starts are counted in a file beside the checkpoint, PARENT/.NAME.attempts. It holds for this
/// content only: a checkpoint that is written anew under the same name begins at none. Whoever
/// wants a bad one tried again removes the file.
std::string attempts_path(const std::string& checkpoint);

/// How many starts from the checkpoint failed; 0 when the file is missing or is not what
/// `note_start` writes.
int failed_starts(const std::string& checkpoint);

/// To be called before a start: it counts as failed until `note_success`, so that one that dies
/// without a word counts too.
absl::Status note_start(const std::string& checkpoint);

/// To be called when a step is done, and when a run is stopped from outside before that, which says
/// nothing against the checkpoint.
absl::Status note_success(const std::string& checkpoint);

}  // namespace composer
