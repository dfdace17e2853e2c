#include "composer/checkpoint/retention.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "absl/algorithm/container.h"
#include "composer/base/logging.h"
#include "composer/base/posix_file.h"
#include "composer/base/status.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/start_attempts.h"
#include "composer/checkpoint/temporary_names.h"

namespace composer {
namespace {

// Good ones, oldest first.
using Candidates = std::vector<const RetainedCheckpoint*>;
using Names = std::set<std::string>;

void keep_best(const Candidates& candidates, const RetentionPolicy::Best& rule, Names& kept) {
  const auto metric = [&](const RetainedCheckpoint* checkpoint) {
    const double value = checkpoint->metrics.at(rule.metric);
    return rule.lower_is_better ? value : -value;
  };
  Candidates ranked;
  for (const RetainedCheckpoint* checkpoint : candidates) {
    const auto found = checkpoint->metrics.find(rule.metric);
    if (found != checkpoint->metrics.end() && !std::isnan(found->second)) {
      ranked.push_back(checkpoint);
    }
  }
  std::reverse(ranked.begin(), ranked.end());
  absl::c_stable_sort(ranked, [&](const auto* a, const auto* b) { return metric(a) < metric(b); });
  const size_t count = std::min(ranked.size(), static_cast<size_t>(std::max(rule.keep, 0)));
  for (size_t i = 0; i < count; ++i) kept.insert(ranked[i]->name);
}

void keep_milestones(const Candidates& candidates, const Time& every, Names& kept) {
  CHECK(every.value() > 0 && every.unit() != TimeUnit::kDuration) << every.to_string();
  double passed = 0;
  for (const RetainedCheckpoint* checkpoint : candidates) {
    const double multiples = std::floor(checkpoint->time.get(every.unit()) / every.value());
    if (multiples > passed) kept.insert(checkpoint->name);
    passed = std::max(passed, multiples);
  }
}

}  // namespace

std::vector<std::string> to_delete(const std::vector<RetainedCheckpoint>& checkpoints,
                                   const RetentionPolicy& policy) {
  if (!policy.keep_last) return {};
  Candidates candidates;
  for (const RetainedCheckpoint& checkpoint : checkpoints) {
    if (checkpoint.good) candidates.push_back(&checkpoint);
  }
  Names kept(policy.pinned.begin(), policy.pinned.end());
  const size_t last =
      std::min(candidates.size(), static_cast<size_t>(std::max(*policy.keep_last, 1)));
  for (size_t i = candidates.size() - last; i < candidates.size(); ++i) {
    kept.insert(candidates[i]->name);
  }
  for (const RetentionPolicy::Best& rule : policy.keep_best) keep_best(candidates, rule, kept);
  for (const Time& every : policy.milestones) keep_milestones(candidates, every, kept);
  std::vector<std::string> result;
  for (const RetainedCheckpoint* checkpoint : candidates) {
    if (kept.count(checkpoint->name) == 0) result.push_back(checkpoint->name);
  }
  return result;
}

absl::StatusOr<std::vector<std::string>> apply_retention(const std::string& parent,
                                                         const RetentionPolicy& policy) {
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<StoredCheckpoint> stored, list_checkpoints(parent));
  std::vector<RetainedCheckpoint> checkpoints;
  for (const StoredCheckpoint& checkpoint : stored) {
    if (!checkpoint.manifest.ok()) continue;
    checkpoints.push_back({.name = checkpoint.name,
                           .time = checkpoint.manifest->time,
                           .metrics = checkpoint.manifest->metrics,
                           .good = verify_sizes(checkpoint.path).ok() &&
                                   failed_starts(checkpoint.path) < kMostFailedStarts});
  }
  const std::vector<std::string> names = to_delete(checkpoints, policy);
  for (const std::string& name : names) {
    COMPOSER_RETURN_IF_ERROR(delete_checkpoint(absl::StrCat(parent, "/", name)));
  }
  return names;
}

absl::Status delete_checkpoint(const std::string& folder) {
  const std::string parent = parent_folder(folder);
  const std::string name = std::filesystem::path(folder).filename();
  const std::string doomed = unused_temporary_path(parent, name, TemporaryKind::kDeleted);
  COMPOSER_RETURN_IF_ERROR(rename_path(folder, doomed));
  COMPOSER_RETURN_IF_ERROR(sync_folder(parent));
  COMPOSER_RETURN_IF_ERROR(remove_path(doomed));
  return remove_path(attempts_path(folder));
}

}  // namespace composer
