#include "composer/base/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "composer/base/process_identity.h"
#include "composer/base/status.h"

namespace composer {
namespace {

std::string description() {
  const ProcessIdentity process = ProcessIdentity::current();
  return absl::StrCat("process ", process.pid, " on ", process.host, " since ",
                      absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::Now(), absl::LocalTimeZone()),
                      "\n");
}

// Between another process' lock and its line stands an empty file.
std::string holder(const Descriptor& file, const std::string& path) {
  char text[512];
  const absl::StatusOr<size_t> size = read_some(file, path, text, sizeof text);
  const absl::string_view line =
      size.ok() ? absl::StripAsciiWhitespace(absl::string_view(text, *size)) : "";
  return line.empty() ? "another process" : std::string(line);
}

}  // namespace

absl::StatusOr<RunLock> RunLock::acquire(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/.lock");
  COMPOSER_ASSIGN_OR_RETURN(Descriptor file, open_path(path, O_RDWR | O_CREAT));
  int result = ::flock(file.get(), LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR) result = ::flock(file.get(), LOCK_EX | LOCK_NB);
  if (result != 0 && errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(
        absl::StrCat("the folder ", folder, " is in use by ", holder(file, path),
                     "; two runs never write into one folder: wait for it, stop it, or choose "
                     "another run_name"));
  }
  if (result != 0 && (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP)) {
    return absl::UnimplementedError(
        absl::StrCat("the file system of ", folder,
                     " has no locks: nothing keeps a second run out of this folder"));
  }
  if (result != 0) return errno_status("lock", path);
  if (::ftruncate(file.get(), 0) != 0) return errno_status("truncate", path);
  const std::string text = description();
  COMPOSER_RETURN_IF_ERROR(write_all(file, path, text.data(), text.size()));
  return RunLock(std::move(file));
}

}  // namespace composer
