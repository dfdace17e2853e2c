#include "composer/cli/run_directory.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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

}  // namespace

absl::StatusOr<RunDirectory> RunDirectory::create(const std::string& output_dir,
                                                  const std::string& run_name) {
  if (run_name.empty() || run_name == "." || run_name == ".." || absl::StrContains(run_name, '/')) {
    return field_error("run_name", absl::StrCat("\"", run_name,
                                                "\" names no folder; write a name without \"/\", "
                                                "the folder above it is `output_dir`"));
  }
  const fs::path path = fs::path(output_dir.empty() ? "." : output_dir) / run_name;
  std::error_code error;
  if (fs::exists(path, error)) {
    absl::Status status = absl::AlreadyExistsError(
        absl::StrCat("the folder ", path.string(),
                     " exists: a run never writes into another one's; choose another run_name, or "
                     "remove the folder"));
    return in_field("run_name", status);
  }
  const fs::path missing = first_missing(path);
  fs::create_directories(path, error);
  if (error) {
    return field_error("output_dir", absl::StrCat("cannot make the folder ", path.string(), ": ",
                                                  error.message()));
  }
  return RunDirectory(path.string(), missing.string());
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      removed_on_exit_(std::exchange(other.removed_on_exit_, std::string())) {}

RunDirectory::~RunDirectory() {
  if (removed_on_exit_.empty()) return;
  std::error_code ignored;  // nothing better can be done about what cannot be removed
  fs::remove_all(removed_on_exit_, ignored);
}

std::string derived_run_name(absl::string_view config_path, absl::Time now) {
  const std::string stem = fs::path(std::string(config_path)).stem().string();
  return absl::StrCat(stem.empty() ? "run" : stem, "-",
                      absl::FormatTime("%Y%m%d-%H%M%S", now, absl::LocalTimeZone()));
}

}  // namespace composer
