#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/time.h"
#include "composer/core/state_dict.h"

namespace composer {

/// SHA-256 over the names, types, shapes and bits of all that is in it, in order of the names.
std::string sha256_of_state(const StateDict& state);

/// `state` without what no two runs agree on: entries whose names end in "_wct" (wall-clock time),
/// and the loggers' part (how long their files are, in which times of any number of digits stand).
StateDict without_clocks(const StateDict& state);

/// Lines of metrics.jsonl without "time" and what is named time/..., throughput/... or
/// wall_clock/...; lines with nothing but these are left out.
absl::StatusOr<std::string> metrics_without_times(absl::string_view text);

/// What a run came to.
struct RunDigest {
  /// Of its newest checkpoint, without clocks.
  Timestamp time;
  StateDict state;
  /// Without times; empty when the run writes none.
  std::string metrics;

  /// Hashes of the state's parts "model" and "optimizers", of all other parts, and of the metrics.
  std::string weights_hash() const;
  std::string optimizer_hash() const;
  std::string rest_hash() const;
  std::string metrics_hash() const;
};

/// Of the run in a folder; `metrics_file` is relative to it, empty for none. NotFound when it has
/// no checkpoint.
absl::StatusOr<RunDigest> digest_of_run(const std::string& run_dir,
                                        const std::string& metrics_file);

/// The first entry in which two runs differ, weights first: "model.fc1.weight" or "metrics, line
/// 12:
/// {...} or {...}"; empty when there is none.
std::string first_difference(const RunDigest& a, const RunDigest& b);

}  // namespace composer
