#include "composer/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
absl::StatusOr<AtomicFile> AtomicFile::create(const std::string& path) {
  std::random_device random;
  for (;;) {
    std::string temporary = absl::StrCat(path, ".tmp-", absl::Hex(random(), absl::kZeroPad8));
    Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.get() >= 0) return AtomicFile(path, std::move(temporary), std::move(file));
    if (errno != EEXIST) return errno_status("create", path);
  }
}

AtomicFile::AtomicFile(std::string path, std::string temporary, Descriptor file)
    : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)) {}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

absl::Status AtomicFile::write(const void* data, size_t size) {
  return write_all(file_, path_, data, size);
}

absl::Status AtomicFile::commit() {
  COMPOSER_RETURN_IF_ERROR(sync_file(file_, path_));
  if (::close(file_.release()) != 0) return errno_status("close", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return errno_status("create", path_);
  temporary_.clear();
  // A rename is on disk only when its folder is.
  return sync_folder(parent_folder(path_));
}

absl::Status write_file_atomically(const std::string& path, absl::string_view text) {
  COMPOSER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  COMPOSER_RETURN_IF_ERROR(file.write(text.data(), text.size()));
  return file.commit();
}

}  // namespace composer
