#pragma once

#include <sys/stat.h>

#include <chrono>
#include <string>

#include "absl/status/status.h"

namespace composer {

/// Keeps account of a start from a checkpoint (start_attempts.h): it counts as failed until the
/// next checkpoint is complete, or until the run ends well or is stopped from outside.
class StartRecord {
 public:
  explicit StartRecord(std::string checkpoint);

  absl::Status begin();
  /// Looks whether there is a newer checkpoint: ten times a second at most, so that it can be
  /// called after every batch.
  void look();
  /// Looks now.
  void look_at_last();
  void succeed();

 private:
  std::string checkpoint_;
  // The folder that the link `latest` led to before.
  struct stat latest_ = {};
  bool open_ = false;
  std::chrono::steady_clock::time_point next_look_;
};

}  // namespace composer
