#include "composer/config/plugin_loader.h"

#include <dlfcn.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "composer/base/logging.h"
#include "composer/base/shared_library.h"
#include "composer/base/status.h"
#include "composer/core/plugin_abi.h"

namespace composer {

absl::Status load_plugin(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(const std::optional<std::string> found,
                            read_exported_object(path, "composer_plugin_abi"));
  if (!found) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a plugin: it lacks COMPOSER_PLUGIN(); in one of its files"));
  }
  const absl::string_view abi = found->c_str();
  if (abi != kPluginAbi.text()) {
    return absl::FailedPreconditionError(
        absl::StrCat("plugin ", path,
                     " was built with other versions than this program and cannot "
                     "be loaded: build it again\n  plugin:  ",
                     abi, "\n  program: ", kPluginAbi.text()));
  }
  // Without a slash dlopen would look along the library path.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  if (dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "plugin ", path, " cannot be loaded: ", dlerror(),
        ". A symbol of composer is missing when the program is linked without -rdynamic"));
  }
  VLOG(1) << "loaded plugin " << path;
  return absl::OkStatus();
}

}  // namespace composer
