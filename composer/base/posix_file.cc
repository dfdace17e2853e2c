#include "composer/base/posix_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
namespace {

template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

absl::Status checked(int result, absl::string_view action, const std::string& path) {
  return result == 0 ? absl::OkStatus() : errno_status(action, path);
}

absl::StatusOr<std::vector<std::string>> names_in(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), ::closedir);
  if (stream == nullptr) return errno_status("open", folder);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return errno_status("read", folder);
  return names;
}

}  // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

absl::Status errno_status(absl::string_view action, absl::string_view path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", action, " ", path));
}

absl::StatusOr<Descriptor> open_path(const std::string& path, int flags, mode_t mode) {
  const int descriptor =
      uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
  if (descriptor < 0) return errno_status((flags & O_CREAT) != 0 ? "create" : "open", path);
  return Descriptor(descriptor);
}

absl::Status write_all(const Descriptor& file, const std::string& path, const void* data,
                       size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    // Linux writes at most 2 GiB at a time.
    const size_t most = std::min(size, size_t{1} << 30);
    const ssize_t written = uninterrupted([&] { return ::write(file.get(), bytes, most); });
    if (written == 0) errno = ENOSPC;
    if (written <= 0) return errno_status("write", path);
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> read_some(const Descriptor& file, const std::string& path, void* data,
                                 size_t size) {
  size_t total = 0;
  while (total < size) {
    char* const target = static_cast<char*>(data) + total;
    const ssize_t count = uninterrupted([&] { return ::read(file.get(), target, size - total); });
    if (count < 0) return errno_status("read", path);
    if (count == 0) break;
    total += static_cast<size_t>(count);
  }
  return total;
}

absl::StatusOr<Descriptor> open_to_read(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(Descriptor file, open_path(path, O_RDONLY | O_NONBLOCK));
  struct stat status;
  if (::fstat(file.get(), &status) != 0) return errno_status("look at", path);
  if (!S_ISREG(status.st_mode)) {
    return absl::DataLossError(absl::StrCat(path, " is no ordinary file"));
  }
  return file;
}

absl::StatusOr<std::string> read_small_file(const std::string& path, size_t most) {
  COMPOSER_ASSIGN_OR_RETURN(const Descriptor file, open_to_read(path));
  struct stat status;
  if (::fstat(file.get(), &status) != 0) return errno_status("look at", path);
  std::string text(std::min(static_cast<size_t>(status.st_size), most) + 1, '\0');
  COMPOSER_ASSIGN_OR_RETURN(const size_t size, read_some(file, path, text.data(), text.size()));
  if (size > most) {
    return absl::DataLossError(absl::StrCat(path, " has more than ", most, " bytes"));
  }
  text.resize(size);
  return text;
}

absl::Status preallocate(const Descriptor& file, const std::string& path, uint64_t size) {
  if (size == 0) return absl::OkStatus();
  const int result = uninterrupted(
      [&] { return ::fallocate(file.get(), /*mode=*/0, 0, static_cast<off_t>(size)); });
  if (result != 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) return absl::OkStatus();
  return checked(result, absl::StrCat("take ", size, " bytes for"), path);
}

absl::Status sync_file(const Descriptor& file, const std::string& path) {
  return checked(uninterrupted([&] { return ::fsync(file.get()); }), "sync", path);
}

absl::Status sync_folder(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(const Descriptor folder, open_path(path, O_RDONLY | O_DIRECTORY));
  const int result = uninterrupted([&] { return ::fsync(folder.get()); });
  if (result != 0 && errno == EINVAL) return absl::OkStatus();
  return checked(result, "sync", path);
}

absl::StatusOr<std::optional<mode_t>> look_at(const std::string& path) {
  struct stat status;
  const int found = uninterrupted([&] { return ::lstat(path.c_str(), &status); });
  if (found == 0) return status.st_mode;
  if (errno == ENOENT) return std::nullopt;
  return errno_status("look at", path);
}

absl::Status make_folder(const std::string& path) {
  const int result = uninterrupted([&] { return ::mkdir(path.c_str(), 0777); });
  return checked(result, "make the folder", path);
}

absl::Status make_folders(const std::string& path) {
  // Through links: a folder may be one to another disk.
  struct stat status;
  const int found = uninterrupted([&] { return ::stat(path.c_str(), &status); });
  if (found == 0 && S_ISDIR(status.st_mode)) return absl::OkStatus();
  if (found != 0 && errno != ENOENT) return errno_status("look at", path);
  const std::string parent = parent_folder(path);
  if (parent != path) COMPOSER_RETURN_IF_ERROR(make_folders(parent));
  COMPOSER_RETURN_IF_ERROR(make_folder(path));
  return sync_folder(parent);
}

absl::Status rename_path(const std::string& from, const std::string& to) {
  const int result = uninterrupted([&] { return ::rename(from.c_str(), to.c_str()); });
  return checked(result, absl::StrCat("rename ", from, " to"), to);
}

absl::Status exchange_paths(const std::string& a, const std::string& b) {
  const int result = uninterrupted(
      [&] { return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE); });
  if (result != 0 && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
    return absl::UnimplementedError(
        absl::StrCat("the file system of ", b, " cannot exchange two names"));
  }
  return checked(result, absl::StrCat("exchange ", a, " with"), b);
}

absl::Status remove_path(const std::string& path) {
  // Linux' error for a folder; POSIX has EPERM.
  if (uninterrupted([&] { return ::unlink(path.c_str()); }) == 0) return absl::OkStatus();
  if (errno == ENOENT) return absl::OkStatus();
  if (errno != EISDIR && errno != EPERM) return errno_status("remove", path);
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<std::string> names, names_in(path));
  for (const std::string& name : names) {
    COMPOSER_RETURN_IF_ERROR(remove_path(absl::StrCat(path, "/", name)));
  }
  return checked(uninterrupted([&] { return ::rmdir(path.c_str()); }), "remove", path);
}

std::string parent_folder(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

}  // namespace composer
