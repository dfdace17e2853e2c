#include "tests/checkpoint/faults/file_system_shim.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace composer {
namespace {

thread_local FileSystemShim* shim = nullptr;
thread_local std::map<int, std::string> open_paths;

std::string path_of(int descriptor) {
  const auto found = open_paths.find(descriptor);
  return found == open_paths.end() ? "" : found->second;
}

template <typename Make>
auto watched(FileSystemCall call, Make make) -> decltype(make(call)) {
  if (shim == nullptr) return make(call);
  if (call.descriptor >= 0) call.path = path_of(call.descriptor);
  if (call.kind != FileSystemCall::kClose) {
    if (const int error = shim->before(call); error != 0) {
      errno = error;
      return -1;
    }
  }
  const auto result = make(call);
  if (result < 0) return result;
  if (call.kind == FileSystemCall::kOpen) {
    call.descriptor = static_cast<int>(result);
    open_paths[call.descriptor] = call.path;
  }
  if (call.kind == FileSystemCall::kWrite) call.size = static_cast<uint64_t>(result);
  const int kept = errno;
  shim->after(call);
  errno = kept;
  if (call.kind == FileSystemCall::kClose) open_paths.erase(call.descriptor);
  return result;
}

}  // namespace

FileSystemShim::FileSystemShim() {
  if (shim != nullptr) std::abort();
  open_paths.clear();
  shim = this;
}

FileSystemShim::~FileSystemShim() { shim = nullptr; }

}  // namespace composer

using composer::FileSystemCall;
using composer::watched;

extern "C" {

int __real_open(const char* path, int flags, mode_t mode);
int __real_close(int descriptor);
ssize_t __real_write(int descriptor, const void* data, size_t size);
int __real_fallocate(int descriptor, int mode, off_t offset, off_t size);
int __real_fsync(int descriptor);
int __real_mkdir(const char* path, mode_t mode);
int __real_rename(const char* from, const char* to);
int __real_renameat2(int from_folder, const char* from, int to_folder, const char* to,
                     unsigned int flags);
int __real_symlink(const char* target, const char* path);
int __real_unlink(const char* path);
int __real_rmdir(const char* path);
int __real_lstat(const char* path, struct stat* status);
int __real_stat(const char* path, struct stat* status);

int __wrap_open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return watched({.kind = FileSystemCall::kOpen, .path = path, .flags = flags},
                 [&](auto&) { return __real_open(path, flags, mode); });
}

int __wrap_close(int descriptor) {
  return watched({.kind = FileSystemCall::kClose, .descriptor = descriptor},
                 [&](auto&) { return __real_close(descriptor); });
}

ssize_t __wrap_write(int descriptor, const void* data, size_t size) {
  return watched({.kind = FileSystemCall::kWrite,
                  .descriptor = descriptor,
                  .data = static_cast<const char*>(data),
                  .size = size},
                 [&](const auto& call) { return __real_write(descriptor, data, call.size); });
}

int __wrap_fallocate(int descriptor, int mode, off_t offset, off_t size) {
  return watched({.kind = FileSystemCall::kAllocate,
                  .descriptor = descriptor,
                  .size = static_cast<uint64_t>(offset + size)},
                 [&](auto&) { return __real_fallocate(descriptor, mode, offset, size); });
}

int __wrap_fsync(int descriptor) {
  return watched({.kind = FileSystemCall::kSync, .descriptor = descriptor},
                 [&](auto&) { return composer::shim == nullptr ? __real_fsync(descriptor) : 0; });
}

int __wrap_mkdir(const char* path, mode_t mode) {
  return watched({.kind = FileSystemCall::kMakeFolder, .path = path},
                 [&](auto&) { return __real_mkdir(path, mode); });
}

int __wrap_rename(const char* from, const char* to) {
  return watched({.kind = FileSystemCall::kRename, .path = from, .other = to},
                 [&](auto&) { return __real_rename(from, to); });
}

int __wrap_renameat2(int from_folder, const char* from, int to_folder, const char* to,
                     unsigned int flags) {
  return watched({.kind = FileSystemCall::kExchange, .path = from, .other = to},
                 [&](auto&) { return __real_renameat2(from_folder, from, to_folder, to, flags); });
}

int __wrap_symlink(const char* target, const char* path) {
  return watched({.kind = FileSystemCall::kLink, .path = path, .other = target},
                 [&](auto&) { return __real_symlink(target, path); });
}

int __wrap_unlink(const char* path) {
  return watched({.kind = FileSystemCall::kUnlink, .path = path},
                 [&](auto&) { return __real_unlink(path); });
}

int __wrap_rmdir(const char* path) {
  return watched({.kind = FileSystemCall::kRemoveFolder, .path = path},
                 [&](auto&) { return __real_rmdir(path); });
}

int __wrap_lstat(const char* path, struct stat* status) {
  return watched({.kind = FileSystemCall::kLook, .path = path},
                 [&](auto&) { return __real_lstat(path, status); });
}

int __wrap_stat(const char* path, struct stat* status) {
  return watched({.kind = FileSystemCall::kLook, .path = path},
                 [&](auto&) { return __real_stat(path, status); });
}

}  // extern "C"
