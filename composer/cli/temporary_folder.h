#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace composer {

/// A folder of its own in the system's temporary one, which TMPDIR names. Goes away with all that
/// is in it.
class TemporaryFolder {
 public:
  static absl::StatusOr<TemporaryFolder> create();

  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace composer
