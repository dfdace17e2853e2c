#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace composer {

/// A call to the file system that the program makes, but for reading data. Those of libraries are
/// not seen: it works by the linker's --wrap (BUILD.bazel).
struct FileSystemCall {
  enum Kind {
    kOpen,
    kClose,
    kWrite,
    kAllocate,
    kSync,
    kMakeFolder,
    kRename,
    kExchange,
    kLink,
    kUnlink,
    kRemoveFolder,
    kLook,
  };
  Kind kind;
  /// Of what has a descriptor: the path it was opened with.
  std::string path;
  /// The second path of kRename and kExchange, the target of kLink.
  std::string other;
  int descriptor = -1;
  int flags = 0;
  /// kWrite.
  const char* data = nullptr;
  /// Of kWrite and kAllocate.
  uint64_t size = 0;
};

/// What becomes of the calls of the thread that made it, while it lives. Syncs do nothing.
class FileSystemShim {
 public:
  FileSystemShim();
  virtual ~FileSystemShim();
  FileSystemShim(const FileSystemShim&) = delete;
  FileSystemShim& operator=(const FileSystemShim&) = delete;

  /// The errno that the call fails with, without being made; 0 to make it. May reduce `size` of a
  /// kWrite. Called for none of kClose.
  virtual int before(FileSystemCall& call) = 0;
  /// After a call that succeeded.
  virtual void after(const FileSystemCall&) {}
};

/// Lets all calls through. As with all shims, syncs do not reach the disk: they would take most of
/// a small save's time.
class SparedSyncs final : public FileSystemShim {
 public:
  int before(FileSystemCall&) override { return 0; }
};

}  // namespace composer
