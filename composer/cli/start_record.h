#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"

namespace composer {

/// Keeps account of a start from a checkpoint (start_attempts.h): it counts as failed until a step
/// is done, or the run is stopped from outside before it.
class StartRecord {
 public:
  explicit StartRecord(std::string checkpoint) : checkpoint_(std::move(checkpoint)) {}

  absl::Status begin();
  /// Does nothing a second time.
  void succeed();

 private:
  std::string checkpoint_;
  bool open_ = false;
};

}  // namespace composer
