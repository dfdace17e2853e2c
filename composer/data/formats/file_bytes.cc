#include "composer/data/formats/file_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace composer {

absl::StatusOr<absl::Span<const uint8_t>> read_file_bytes(const std::string& path, int64_t limit,
                                                          std::vector<uint8_t>& buffer) {
  // Without O_NONBLOCK opening a pipe would wait for someone to write to it.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return absl::ErrnoToStatus(errno, path);
  const absl::Cleanup close_file = [file] { close(file); };

  struct stat status;
  if (fstat(file, &status) != 0) return absl::ErrnoToStatus(errno, path);
  if (!S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": expected a file, found a ",
                     S_ISDIR(status.st_mode) ? "folder" : "pipe or a device"));
  }
  if (status.st_size > limit) {
    return absl::DataLossError(absl::StrCat(path, ": expected a file of at most ", limit,
                                            " bytes, found one of ", status.st_size));
  }
  const size_t size = static_cast<size_t>(status.st_size);
  if (buffer.size() < size) buffer.resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t count = read(file, buffer.data() + done, size - done);
    if (count < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": byte ", done));
    if (count == 0) {
      return absl::DataLossError(absl::StrCat(path, ": byte ", done, ": expected ", size,
                                              " bytes, the file has become shorter"));
    }
    done += static_cast<size_t>(count);
  }
  return absl::MakeConstSpan(buffer.data(), size);
}

}  // namespace composer
