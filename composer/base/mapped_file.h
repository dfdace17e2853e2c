#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace composer {

/// The bytes of a whole file, mapped for reading: nothing is read until it is looked at, and the
/// system may take the memory back. A file that is made shorter while it is mapped ends the process
/// (SIGBUS) when what is gone is looked at.
class MappedFile {
 public:
  /// How it will be read: what the system reads ahead.
  enum class Access { NORMAL, SEQUENTIAL, RANDOM };

  /// NotFound, PermissionDenied or another error of the file system, FailedPrecondition for what is
  /// no regular file; the path stands in front of the message. An empty file has no bytes and is
  /// none.
  static absl::StatusOr<MappedFile> open(std::string path, Access access = Access::NORMAL);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  /// Starts on a page, so that any type is aligned. Moving the object moves no bytes.
  absl::Span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  explicit MappedFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace composer
