#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace composer {

/// What a file system does, for code whose files must survive a kill, a full disk and a power cut.
/// Errors read "cannot write runs/a/b: No space left on device"; what a signal interrupted is taken
/// up again.

/// A file descriptor, closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor();

  int get() const { return value_; }
  /// The caller closes it.
  int release() { return std::exchange(value_, -1); }

 private:
  int value_ = -1;
};

/// The error that `errno` stands for: "cannot ACTION PATH: REASON".
absl::Status errno_status(absl::string_view action, absl::string_view path);

/// `open` with O_CLOEXEC added.
absl::StatusOr<Descriptor> open_path(const std::string& path, int flags, mode_t mode = 0666);

/// Writes all of it.
absl::Status write_all(const Descriptor& file, const std::string& path, const void* data,
                       size_t size);

/// Reads up to `size` bytes; fewer only at the file's end.
absl::StatusOr<size_t> read_some(const Descriptor& file, const std::string& path, void* data,
                                 size_t size);

/// `open_path` for reading what must be an ordinary file: a pipe of that name is refused, not
/// waited for.
absl::StatusOr<Descriptor> open_to_read(const std::string& path);

/// A whole file that should be small: DataLoss when it has more than `most` bytes.
absl::StatusOr<std::string> read_small_file(const std::string& path, size_t most);

/// Takes the space for `size` bytes on the disk, so that a full one shows here. Does nothing where
/// the file system cannot (NFS before 4.2): posix_fallocate would write every block there.
absl::Status preallocate(const Descriptor& file, const std::string& path, uint64_t size);

/// Until this returns, a power cut loses what was written. After it failed, the file is lost: the
/// kernel may have dropped the data and would call a second try good.
absl::Status sync_file(const Descriptor& file, const std::string& path);

/// The same for the names within a folder: those created, renamed and removed. Does nothing on file
/// systems that cannot sync a folder.
absl::Status sync_folder(const std::string& path);

/// What a path is (`st_mode`), of a link the link itself; unset when there is nothing.
absl::StatusOr<std::optional<mode_t>> look_at(const std::string& path);

absl::Status make_folder(const std::string& path);

/// Makes a folder and the missing ones above it, and syncs those that hold them.
absl::Status make_folders(const std::string& path);

absl::Status rename_path(const std::string& from, const std::string& to);

/// Gives two existing paths each other's names, at once. Unimplemented where the file system cannot
/// (NFS).
absl::Status exchange_paths(const std::string& a, const std::string& b);

/// Removes a file, a link or a folder with all that is in it; links are not followed. A path that
/// does not exist is none to remove.
absl::Status remove_path(const std::string& path);

/// "a/b" for "a/b/c", "." for "c".
std::string parent_folder(const std::string& path);

}  // namespace composer
