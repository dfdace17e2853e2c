#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "composer/base/posix_file.h"

namespace composer {

/// Holds the folder of a run, so that no second process writes there: an flock on FOLDER/.lock, in
/// which host, process and time stand for whoever is refused. The kernel lets go of it however the
/// process ends; the file stays, which means nothing.
///
/// On NFS the lock reaches across machines when client and server keep locks (the default since
/// Linux 2.6.12); mounted with `nolock` or `local_lock=flock` it holds on one machine only. A file
/// system without locks at all is an error of its own, so that a caller may go on with a warning.
class RunLock {
 public:
  /// FailedPrecondition, with who holds it, when the folder is taken; Unimplemented when its file
  /// system has no locks. REQUIRES: the folder exists.
  static absl::StatusOr<RunLock> acquire(const std::string& folder);

 private:
  explicit RunLock(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
};

}  // namespace composer
