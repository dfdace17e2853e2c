#include "composer/cli/run_directory.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

// The topmost folder of `path` that does not exist.
fs::path first_missing(const fs::path& path) {
  fs::path current;
  for (const fs::path& part : path) {
    current /= part;
    std::error_code error;
    if (!fs::exists(current, error)) return current;
  }
  return {};
}

absl::StatusOr<fs::path> path_of(const std::string& output_dir, const std::string& run_name) {
  if (run_name.empty() || run_name == "." || run_name == ".." || absl::StrContains(run_name, '/')) {
    return field_error("run_name", absl::StrCat("\"", run_name,
                                                "\" names no folder; write a name without \"/\", "
                                                "the folder above it is `output_dir`"));
  }
  return fs::path(output_dir.empty() ? "." : output_dir) / run_name;
}

// A run begins by locking its folder.
bool is_run(const fs::path& path) {
  std::error_code error;
  return fs::exists(path / ".lock", error) || fs::exists(path / "config.textproto", error) ||
         fs::is_empty(path, error);
}

// That of the folder of another run, which may be at work at the moment.
absl::Status taken_by_another(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path / ".lock", error)) {
    const absl::Status taken = RunLock::acquire(path.string()).status();
    if (absl::IsFailedPrecondition(taken)) return taken;
  }
  return absl::AlreadyExistsError(
      absl::StrCat("the folder ", path.string(),
                   " exists: a run never writes into another one's; add --resume to continue that "
                   "run, choose another run_name, or remove the folder"));
}

}  // namespace

absl::StatusOr<RunDirectory> RunDirectory::create(const std::string& output_dir,
                                                  const std::string& run_name) {
  COMPOSER_ASSIGN_OR_RETURN(const fs::path path, path_of(output_dir, run_name));
  std::error_code error;
  if (fs::exists(path, error)) return in_field("run_name", taken_by_another(path));
  const fs::path missing = first_missing(path);
  fs::create_directories(path.parent_path(), error);
  const bool made = !error && fs::create_directory(path, error);
  if (error) {
    return field_error("output_dir", absl::StrCat("cannot make the folder ", path.string(), ": ",
                                                  error.message()));
  }
  // Another process was faster, and it is that one's.
  if (!made) return in_field("run_name", taken_by_another(path));
  RunDirectory directory(path.string(), missing.string());
  COMPOSER_RETURN_IF_ERROR(in_field("run_name", directory.lock()));
  return directory;
}

absl::StatusOr<RunDirectory> RunDirectory::resume(const std::string& output_dir,
                                                  const std::string& run_name) {
  COMPOSER_ASSIGN_OR_RETURN(const fs::path path, path_of(output_dir, run_name));
  std::error_code error;
  if (!fs::exists(path, error)) {
    return in_field("run_name",
                    absl::NotFoundError(absl::StrCat("there is no run to continue: ", path.string(),
                                                     " does not exist")));
  }
  if (!fs::is_directory(path, error) || !is_run(path)) {
    return field_error("run_name", absl::StrCat(path.string(),
                                                " is not the folder of a run: it has neither a "
                                                "config.textproto nor a .lock"));
  }
  RunDirectory directory(path.string(), "");
  COMPOSER_RETURN_IF_ERROR(in_field("run_name", directory.lock()));
  return directory;
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      removed_on_exit_(std::exchange(other.removed_on_exit_, std::string())),
      lock_(std::move(other.lock_)) {}

RunDirectory::~RunDirectory() {
  if (removed_on_exit_.empty()) return;
  std::error_code ignored;  // nothing better can be done about what cannot be removed
  fs::remove_all(removed_on_exit_, ignored);
}

absl::Status RunDirectory::lock() {
  absl::StatusOr<RunLock> lock = RunLock::acquire(path_);
  if (absl::IsUnimplemented(lock.status())) {
    LOG(WARNING) << lock.status().message();
    return absl::OkStatus();
  }
  if (!lock.ok()) {
    // It is not this process's folder to remove.
    if (absl::IsFailedPrecondition(lock.status())) keep();
    return lock.status();
  }
  lock_.emplace(*std::move(lock));
  return absl::OkStatus();
}

std::string derived_run_name(absl::string_view config_path, absl::Time now) {
  const std::string stem = fs::path(std::string(config_path)).stem().string();
  return absl::StrCat(stem.empty() ? "run" : stem, "-",
                      absl::FormatTime("%Y%m%d-%H%M%S", now, absl::LocalTimeZone()));
}

}  // namespace composer
