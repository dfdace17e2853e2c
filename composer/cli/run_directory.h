#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace composer {

/// The folder that a run writes to, OUTPUT_DIR/RUN_NAME. Goes away again on destruction, with what
/// was written into it, unless `keep` was called: a run that cannot start leaves nothing behind.
class RunDirectory {
 public:
  /// Makes the folder, and those above it. A folder that exists belongs to another run:
  /// AlreadyExists. Errors are about the field `run_name` or `output_dir`.
  static absl::StatusOr<RunDirectory> create(const std::string& output_dir,
                                             const std::string& run_name);
  ~RunDirectory();

  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&&) = delete;

  const std::string& path() const { return path_; }
  void keep() { removed_on_exit_.clear(); }

 private:
  RunDirectory(std::string path, std::string removed_on_exit)
      : path_(std::move(path)), removed_on_exit_(std::move(removed_on_exit)) {}

  std::string path_;
  // The topmost folder that did not exist before; empty to keep all.
  std::string removed_on_exit_;
};

/// "fashion_mnist-20261121-120405" for examples/fashion_mnist.textproto, in local time.
std::string derived_run_name(absl::string_view config_path, absl::Time now);

}  // namespace composer
