#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "composer/config/location.h"

namespace composer {

/// The format that a file's name ends with: .textproto and .pbtxt, .yaml and .yml, .json.
/// InvalidArgument for another ending lists these.
absl::StatusOr<ConfigFormat> format_of(const std::string& path);

/// The text of a config file, without byte order mark and with line ends "\n". Errors (NotFound,
/// otherwise InvalidArgument) for a file that is missing, unreadable, a folder, empty, too large
/// for a config, or not UTF-8 text say what is wrong without the file's name.
absl::StatusOr<std::string> read_config_text(const std::string& path);

}  // namespace composer
