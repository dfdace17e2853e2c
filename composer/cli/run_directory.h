#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "composer/base/run_lock.h"

namespace composer {

/// The folder that a run writes to, OUTPUT_DIR/RUN_NAME, which no other process writes to while it
/// lives (RunLock; a warning where the file system has no locks).
class RunDirectory {
 public:
  /// Makes the folder, and those above it. It goes away again on destruction, with what was written
  /// into it, unless `keep` was called: a run that cannot start leaves nothing behind. A folder
  /// that exists belongs to another run: AlreadyExists, or FailedPrecondition with who holds it
  /// while that one goes on. Errors are about the field `run_name` or `output_dir`.
  static absl::StatusOr<RunDirectory> create(const std::string& output_dir,
                                             const std::string& run_name);

  /// Takes the folder of a run that is to go on, and never removes it. NotFound when there is none,
  /// FailedPrecondition, with who holds it, when the run goes on already, InvalidArgument when the
  /// folder is not a run's.
  static absl::StatusOr<RunDirectory> resume(const std::string& output_dir,
                                             const std::string& run_name);
  ~RunDirectory();

  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&&) = delete;

  const std::string& path() const { return path_; }
  void keep() { removed_on_exit_.clear(); }
  /// False where the file system has no locks, so that another process may be at work there.
  bool locked() const { return lock_.has_value(); }

 private:
  RunDirectory(std::string path, std::string removed_on_exit)
      : path_(std::move(path)), removed_on_exit_(std::move(removed_on_exit)) {}

  absl::Status lock();

  std::string path_;
  // The topmost folder that did not exist before; empty to keep all.
  std::string removed_on_exit_;
  std::optional<RunLock> lock_;
};

/// "fashion_mnist-20261121-120405" for examples/fashion_mnist.textproto, in local time.
std::string derived_run_name(absl::string_view config_path, absl::Time now);

}  // namespace composer
