#include "composer/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace composer {
namespace {

int advice(MappedFile::Access access) {
  switch (access) {
    case MappedFile::Access::NORMAL:
      return MADV_NORMAL;
    case MappedFile::Access::SEQUENTIAL:
      return MADV_SEQUENTIAL;
    case MappedFile::Access::RANDOM:
      return MADV_RANDOM;
  }
  return MADV_NORMAL;
}

}  // namespace

absl::StatusOr<MappedFile> MappedFile::open(std::string path, Access access) {
  MappedFile file(std::move(path));
  // Without O_NONBLOCK a named pipe would be waited for.
  const int descriptor = ::open(file.path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, file.path_);
  const absl::Cleanup close = [descriptor] { ::close(descriptor); };
  struct stat info;
  if (::fstat(descriptor, &info) != 0) return absl::ErrnoToStatus(errno, file.path_);
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(
        file.path_, ": expected a file, found ", S_ISDIR(info.st_mode) ? "a folder" : "a device"));
  }
  if (info.st_size == 0) return file;
  const size_t size = static_cast<size_t>(info.st_size);
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (data == MAP_FAILED) return absl::ErrnoToStatus(errno, file.path_);
  file.data_ = static_cast<const uint8_t*>(data);
  file.size_ = size;
  // Advice alone: nothing is lost where the system does not take it.
  ::madvise(data, size, advice(access));
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace composer
