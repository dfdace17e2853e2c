#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/base/time.h"

namespace composer {

/// Which checkpoints stay: those that any rule keeps.
struct RetentionPolicy {
  struct Best {
    std::string metric;
    bool lower_is_better = false;
    int keep = 1;
  };

  /// The newest so many; unset keeps all.
  std::optional<int> keep_last;
  /// The best so many by a metric of their manifests; of equal ones the newer. Those without the
  /// metric are never among them.
  std::vector<Best> keep_best;
  /// For each of these, the first checkpoint at or after every multiple of it: of "10ep" those that
  /// reached 10, 20, 30 epochs. REQUIRES: above zero, not in `dur`.
  std::vector<Time> milestones;
  /// Kept under any circumstances: what a user named, and what was just saved when training went
  /// back behind checkpoints that are still there.
  std::vector<std::string> pinned;
};

struct RetainedCheckpoint {
  std::string name;
  Timestamp time;
  std::map<std::string, double> metrics;
  /// One that is damaged or marked bad counts for no rule and is not deleted either: it is for
  /// whoever looks into it, and is replaced when training comes by again.
  bool good = true;
};

/// The names to delete of checkpoints that are sorted oldest first. Never the newest good one. Safe
/// to repeat: what one call keeps, the next keeps too as long as nothing is added.
std::vector<std::string> to_delete(const std::vector<RetainedCheckpoint>& checkpoints,
                                   const RetentionPolicy& policy);

/// Deletes the checkpoints of `parent` that the policy does not keep, and returns their names. Good
/// is here what has a manifest, files of the right sizes, and fewer than kMostFailedStarts failed
/// starts.
absl::StatusOr<std::vector<std::string>> apply_retention(const std::string& parent,
                                                         const RetentionPolicy& policy);

/// Takes its name from a checkpoint before anything in it is removed, so that neither a kill nor a
/// power cut leaves half of one under a good name.
absl::Status delete_checkpoint(const std::string& folder);

}  // namespace composer
