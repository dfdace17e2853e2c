#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/checkpoint/manifest.h"

namespace composer {

/// The manifest of the checkpoint in `folder`. DataLoss, with the manifest's path, when there is
/// none or it is damaged.
absl::StatusOr<Manifest> read_manifest(const std::string& folder);

/// Compares every file with the manifest: that it is there, its size, its SHA-256, several files at
/// a time. DataLoss otherwise; the message has all that is wrong, each with its file's name.
/// Files that the manifest does not name are none of the checkpoint's, and may be there.
absl::StatusOr<Manifest> verify_checkpoint(const std::string& folder);

/// The part of that which reads no file but the manifest: presence and sizes.
absl::StatusOr<Manifest> verify_sizes(const std::string& folder);

struct StoredCheckpoint {
  /// The name of its folder, and its path.
  std::string name;
  std::string path;
  /// Or why it cannot be read.
  absl::StatusOr<Manifest> manifest;
};

/// The folders in `parent`, oldest first by the time in their manifests; those whose manifest
/// cannot be read come last, as if they were the newest. Hidden ones and links are left out. None
/// when `parent` does not exist.
absl::StatusOr<std::vector<StoredCheckpoint>> list_checkpoints(const std::string& parent);

struct NewestGood {
  /// Unset when there is none.
  std::optional<StoredCheckpoint> checkpoint;
  /// A line for each newer one that cannot be taken: its path and what is wrong with it.
  std::vector<std::string> refused;
};

/// The newest checkpoint that is verified and from which fewer than kMostFailedStarts starts
/// failed. An error only when `parent` cannot be read.
absl::StatusOr<NewestGood> newest_good_checkpoint(const std::string& parent);

}  // namespace composer
