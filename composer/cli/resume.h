#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/checkpoint/checkpoint.h"
#include "composer/cli/run_directory.h"
#include "proto/run.pb.h"

namespace composer {

/// What `--resume` asks for.
struct ResumeRequest {
  enum class Mode {
    /// Begin a run; its folder must not exist.
    kNever,
    /// Continue the run if its folder exists, begin it otherwise.
    kAuto,
    /// Continue the run; it must exist, with a checkpoint.
    kMust,
  };
  Mode mode = Mode::kNever;
  /// The run's folder; empty for OUTPUT_DIR/RUN_NAME of the config.
  std::string run_dir;
  /// The name of one of its checkpoints; empty for the newest good one.
  std::string checkpoint;
};

/// Reads "auto", "never", "must", or the path of a run's folder or of a checkpoint's in it; "never"
/// when empty.
absl::StatusOr<ResumeRequest> parse_resume(const std::string& text);

/// Gives the run its name and its output_dir: those of the folder that is to be resumed, or
/// `derived_name` where the config has none. InvalidArgument when a run is to be found by a name
/// that nobody gave it.
absl::Status name_run(const ResumeRequest& request, const std::string& derived_name,
                      config::Run& run);

struct RunPlace {
  RunDirectory directory;
  /// The run was begun before.
  bool begun = false;
};

/// The run's folder, as `request` has it.
absl::StatusOr<RunPlace> take_run_directory(const ResumeRequest& request, const config::Run& run);

/// RUN/checkpoints.
std::string checkpoints_of(const std::string& run_dir);

struct ResumePoint {
  /// The checkpoint's folder.
  std::string path;
  Checkpoint checkpoint;
};

/// Clears away what a killed process left among the run's checkpoints, and reads the one that
/// `request` names, or the newest good one; newer ones that are not good are logged with what is
/// wrong. Nothing when the run was killed before its first checkpoint and may begin again. NotFound
/// or DataLoss when nothing can be taken.
absl::StatusOr<std::optional<ResumePoint>> find_resume_point(const ResumeRequest& request,
                                                             const RunDirectory& directory);

/// The config that a checkpoint was saved with.
absl::StatusOr<config::Run> config_of(const ResumePoint& point);

/// Where training goes on, in a line.
std::string describe(const ResumePoint& point);

/// Makes `point` the run's newest checkpoint: newer ones, good or damaged, move to RUN/set_aside,
/// which is logged, since training comes by their places again. Folders without a readable manifest
/// stay.
absl::Status set_aside_newer(const ResumePoint& point, const std::string& run_dir);

}  // namespace composer
