#include "composer/cli/resume.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/logging.h"
#include "composer/base/posix_file.h"
#include "composer/base/status.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/manifest.h"
#include "composer/checkpoint/temporary_names.h"
#include "composer/cli/summary.h"
#include "composer/config/load_config.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

constexpr char kCheckpoints[] = "checkpoints";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The folder that a path names, without "." and a slash at its end; the target of a link.
fs::path folder_at(const std::string& text) {
  fs::path path = fs::path(text).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::error_code error;
  if (fs::is_symlink(path, error)) {
    path = (path.parent_path() / fs::read_symlink(path, error)).lexically_normal();
  }
  if (path.filename() == "." || path.filename() == "..") path = fs::canonical(path, error);
  return path;
}

absl::StatusOr<ResumeRequest> checkpoint_at(const fs::path& path) {
  const fs::path whole = path.parent_path().has_parent_path() ? path : fs::absolute(path);
  const fs::path parent = whole.parent_path();
  if (parent.filename() != kCheckpoints || !parent.has_parent_path()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--resume=", path.string(), " is a checkpoint, but not in the folder of a run, RUN/",
        kCheckpoints, "; init_from { path: } begins a new run with its weights"));
  }
  return ResumeRequest{.mode = ResumeRequest::Mode::kMust,
                       .run_dir = parent.parent_path().string(),
                       .checkpoint = whole.filename().string()};
}

absl::StatusOr<std::optional<StoredCheckpoint>> newest_good(const std::string& run_dir) {
  COMPOSER_ASSIGN_OR_RETURN(NewestGood newest, newest_good_checkpoint(checkpoints_of(run_dir)));
  for (const std::string& refused : newest.refused) {
    LOG(WARNING) << "not taken: " << refused;
  }
  if (newest.checkpoint || newest.refused.empty()) return std::move(newest.checkpoint);
  return absl::DataLossError(absl::StrCat("no checkpoint in ", checkpoints_of(run_dir),
                                          " can be taken; to begin again, choose another run_name "
                                          "or remove the run's folder"));
}

}  // namespace

absl::StatusOr<ResumeRequest> parse_resume(const std::string& text) {
  using Mode = ResumeRequest::Mode;
  if (text.empty() || text == "never") return ResumeRequest{};
  if (text == "auto") return ResumeRequest{.mode = Mode::kAuto};
  if (text == "must") return ResumeRequest{.mode = Mode::kMust};
  const fs::path path = folder_at(text);
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--resume=", text,
                     ": there is no such folder; give the folder of a run or of a checkpoint "
                     "in it, or auto, never or must"));
  }
  const bool in_checkpoints = path.parent_path().filename() == kCheckpoints;
  if (in_checkpoints || is_there(path / kManifestName)) return checkpoint_at(path);
  return ResumeRequest{.mode = Mode::kMust, .run_dir = path.string()};
}

absl::Status name_run(const ResumeRequest& request, const std::string& derived_name,
                      config::Run& run) {
  if (!request.run_dir.empty()) {
    const fs::path path(request.run_dir);
    run.set_run_name(path.filename().string());
    run.set_output_dir(path.has_parent_path() ? path.parent_path().string() : ".");
    return absl::OkStatus();
  }
  if (run.has_run_name()) return absl::OkStatus();
  if (request.mode != ResumeRequest::Mode::kNever) {
    return field_error("run_name",
                       "which run is to be continued? Names that are made of the time are another "
                       "one at each start: set run_name, or give the folder of the run, such as "
                       "--resume=runs/" +
                           derived_name);
  }
  run.set_run_name(derived_name);
  return absl::OkStatus();
}

absl::StatusOr<RunPlace> take_run_directory(const ResumeRequest& request, const config::Run& run) {
  using Mode = ResumeRequest::Mode;
  if (request.mode != Mode::kNever) {
    absl::StatusOr<RunDirectory> old = RunDirectory::resume(run.output_dir(), run.run_name());
    if (old.ok()) return RunPlace{*std::move(old), /*begun=*/true};
    if (!absl::IsNotFound(old.status()) || request.mode == Mode::kMust) return old.status();
  }
  COMPOSER_ASSIGN_OR_RETURN(RunDirectory directory,
                            RunDirectory::create(run.output_dir(), run.run_name()));
  return RunPlace{std::move(directory), /*begun=*/false};
}

std::string checkpoints_of(const std::string& run_dir) {
  return absl::StrCat(run_dir, "/", kCheckpoints);
}

absl::StatusOr<std::optional<ResumePoint>> find_resume_point(const ResumeRequest& request,
                                                             const RunDirectory& directory) {
  const std::string parent = checkpoints_of(directory.path());
  if (is_there(parent)) {
    COMPOSER_ASSIGN_OR_RETURN(const std::vector<std::string> leftovers,
                              remove_leftovers(parent, /*alone=*/directory.locked()));
    if (!leftovers.empty()) {
      VLOG(1) << "removed what a process that is gone left in " << parent << ": "
              << absl::StrJoin(leftovers, ", ");
    }
  }
  std::string path;
  if (request.checkpoint.empty()) {
    COMPOSER_ASSIGN_OR_RETURN(const std::optional<StoredCheckpoint> newest,
                              newest_good(directory.path()));
    if (newest) path = newest->path;
  } else {
    path = absl::StrCat(parent, "/", request.checkpoint);
  }
  if (path.empty()) {
    const bool ended = is_there(directory.path() + "/model.safetensors");
    if (request.mode == ResumeRequest::Mode::kAuto && !ended) {
      return std::optional<ResumePoint>();
    }
    return absl::NotFoundError(
        absl::StrCat("there is no checkpoint in ", parent, " to continue from",
                     ended ? "; the run has ended, or was stopped, with its weights alone"
                           : "; --resume=auto begins the run again where there is none"));
  }
  COMPOSER_ASSIGN_OR_RETURN(Checkpoint checkpoint, read_checkpoint(path));
  return ResumePoint{std::move(path), std::move(checkpoint)};
}

absl::StatusOr<config::Run> config_of(const ResumePoint& point) {
  absl::StatusOr<ResolvedConfig> config =
      load_config(point.path + "/config.textproto", {}, {.check_paths = false});
  if (!config.ok()) return config.status();
  return std::move(config->run);
}

std::string describe(const ResumePoint& point) {
  const Timestamp& time = point.checkpoint.time;
  return absl::StrCat("resuming from ", point.path, ": training goes on at epoch ", time.epoch + 1,
                      ", batch ", with_commas(time.batch), "; ", with_commas(time.sample),
                      " samples are not read again");
}

absl::Status set_aside_newer(const ResumePoint& point, const std::string& run_dir) {
  const std::string parent = checkpoints_of(run_dir);
  const std::string name = fs::path(point.path).filename().string();
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<StoredCheckpoint> checkpoints,
                            list_checkpoints(parent));
  const std::string aside = run_dir + "/set_aside";
  bool newer = false;
  for (const StoredCheckpoint& checkpoint : checkpoints) {
    if (newer && checkpoint.manifest.ok()) {
      COMPOSER_RETURN_IF_ERROR(make_folders(aside));
      std::string target = absl::StrCat(aside, "/", checkpoint.name);
      for (int i = 2; is_there(target); ++i) {
        target = absl::StrCat(aside, "/", checkpoint.name, "-", i);
      }
      COMPOSER_RETURN_IF_ERROR(rename_path(checkpoint.path, target));
      LOG(INFO) << checkpoint.path << " is newer and was moved to " << target;
    }
    newer = newer || checkpoint.name == name;
  }
  return replace_link(parent, "latest", name);
}

}  // namespace composer
