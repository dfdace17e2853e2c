#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/config/origins.h"
#include "proto/run.pb.h"

namespace composer {

/// A run's config, read and checked, and where each value came from.
struct ResolvedConfig {
  config::Run run;
  Origins origins;
};

struct LoadOptions {
  /// Whether files and folders that a config names must exist.
  bool check_paths = true;
};

/// Reads a config file (format by its ending), the files it includes, and the `path=value`
/// arguments of a command line, in this order, each on top of the former.
///
/// A file includes others with the top-level field `include: "base.textproto"` (or a list of them),
/// whose paths are relative to the file they stand in; their order is kept and the file itself
/// comes last. Formats may be mixed. merge.h says how they are laid on one another, overrides.h
/// what arguments may be.
///
/// InvalidArgument holds all errors of all files and arguments, one a line
/// (`a.textproto:3:7: seed: expected ...`), and their number in the last line.
absl::StatusOr<ResolvedConfig> load_config(const std::string& path,
                                           const std::vector<std::string>& overrides = {},
                                           const LoadOptions& options = {});

/// An error that came up after loading and carries a field's path (base/status.h), with the path
/// and the place of its field, or of the nearest message around it, in front of the message. Others
/// stay as they are.
absl::Status located(const ResolvedConfig& config, const absl::Status& status);

}  // namespace composer
