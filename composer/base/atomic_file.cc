#include "composer/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
namespace {

absl::Status failure(absl::string_view action, absl::string_view path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", action, " ", path));
}

// A rename is on disk only when its folder is.
absl::Status sync_folder(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return failure("open", folder);
  const bool synced = ::fsync(descriptor) == 0;
  const absl::Status status = synced ? absl::OkStatus() : failure("sync", folder);
  ::close(descriptor);
  return status;
}

}  // namespace

absl::StatusOr<AtomicFile> AtomicFile::create(const std::string& path) {
  std::random_device random;
  for (;;) {
    std::string temporary = absl::StrCat(path, ".tmp-", absl::Hex(random(), absl::kZeroPad8));
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) return AtomicFile(path, std::move(temporary), descriptor);
    if (errno != EEXIST) return failure("create", path);
  }
}

AtomicFile::AtomicFile(std::string path, std::string temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

absl::Status AtomicFile::write(const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    // Linux writes at most 2 GiB at a time.
    const ssize_t written = ::write(descriptor_, bytes, std::min(size, size_t{1} << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure("write", path_);
    bytes += written;
    size -= written;
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) return failure("sync", path_);
  if (::close(std::exchange(descriptor_, -1)) != 0) return failure("close", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return failure("create", path_);
  temporary_.clear();
  return sync_folder(path_);
}

absl::Status write_file_atomically(const std::string& path, absl::string_view text) {
  COMPOSER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  COMPOSER_RETURN_IF_ERROR(file.write(text.data(), text.size()));
  return file.commit();
}

}  // namespace composer
