#include "composer/cli/plugin_arguments.h"

#include "CLI/CLI.hpp"
#include "composer/base/status.h"
#include "composer/config/plugin_loader.h"

namespace composer {

void add_plugin_option(CLI::App& command, PluginArguments& arguments) {
  command
      .add_option("--plugin", arguments.files,
                  "A shared library with algorithms, callbacks, ... of your own; may be repeated")
      ->allow_extra_args(false)
      ->option_text("FILE");
}

absl::Status load_plugins(const PluginArguments& arguments) {
  for (const std::string& file : arguments.files) COMPOSER_RETURN_IF_ERROR(load_plugin(file));
  return absl::OkStatus();
}

}  // namespace composer
