#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace composer {

/// --plugin FILE, which may be repeated.
struct PluginArguments {
  std::vector<std::string> files;
};

void add_plugin_option(CLI::App& command, PluginArguments& arguments);

/// Loads them in order; stops at the first that cannot be.
absl::Status load_plugins(const PluginArguments& arguments);

}  // namespace composer
