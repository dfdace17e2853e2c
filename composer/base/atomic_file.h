#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/posix_file.h"

namespace composer {

/// A file that appears under its name whole or not at all, even when the machine loses power: what
/// is written goes to a temporary file beside it, which `commit` syncs and renames. Without a
/// commit nothing is left behind.
class AtomicFile {
 public:
  /// Errors name the path and the system's reason.
  static absl::StatusOr<AtomicFile> create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  absl::Status write(const void* data, size_t size);
  /// REQUIRES: called once, last.
  absl::Status commit();

 private:
  AtomicFile(std::string path, std::string temporary, Descriptor file);

  std::string path_;
  std::string temporary_;
  Descriptor file_;
};

/// A whole file of `text`, as an AtomicFile.
absl::Status write_file_atomically(const std::string& path, absl::string_view text);

}  // namespace composer
