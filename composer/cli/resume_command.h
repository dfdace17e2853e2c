#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "composer/cli/config_arguments.h"

namespace composer {

/// `text` as one word of a shell's command line.
std::string shell_quoted(absl::string_view text);

/// What to type to continue the run in the folder `run_dir`, which was started with `arguments`.
std::string resume_command(const ConfigArguments& arguments, const std::string& run_dir);

}  // namespace composer
