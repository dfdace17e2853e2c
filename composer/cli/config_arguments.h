#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/cli/interrupt.h"
#include "composer/cli/plugin_arguments.h"
#include "composer/config/load_config.h"
#include "composer/core/registries.h"
#include "composer/trainer/trainer.h"

namespace CLI {
class App;
}

namespace composer {

/// CONFIG [field=value ...] [--plugin FILE]... [-v], which several subcommands take.
struct ConfigArguments {
  std::string config;
  std::vector<std::string> overrides;
  PluginArguments plugins;
  int verbosity = 0;
};

void add_config_arguments(CLI::App& command, ConfigArguments& arguments);

/// Loads the plugins, then reads and checks the config. The message of an error is what the user is
/// to see, all errors of the config included.
absl::StatusOr<ResolvedConfig> read_config(const ConfigArguments& arguments);

/// The trainer that `config` describes. Within a SignalScope it is interrupted by SIGINT and
/// SIGTERM and saves a checkpoint on SIGUSR1; `hooks` are called at its boundaries.
absl::StatusOr<std::unique_ptr<Trainer>> create_trainer(const config::Run& run,
                                                        const RunContext& context,
                                                        std::vector<BoundaryHook> hooks = {});

/// What the user is to see of an error that came up after reading: with the place of its field when
/// it is about one, otherwise with the command's name in front.
std::string error_text(absl::string_view command, const ResolvedConfig& config,
                       const absl::Status& status);

/// Takes out what evaluation and prediction do without: training data, optimizer, schedules,
/// callbacks, and every logger but the console, since these commands make no folder; and
/// `init_from` beside `weights`, which are what training came to.
void keep_for_evaluation(config::Run& run);

/// True when progress may be drawn in place on stderr.
bool stderr_is_terminal();

}  // namespace composer
