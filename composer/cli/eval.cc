#include <cstdio>
#include <memory>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "composer/base/status.h"
#include "composer/cli/commands.h"
#include "composer/cli/config_arguments.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/interrupt.h"
#include "composer/cli/log_output.h"
#include "composer/cli/summary.h"

namespace composer {
namespace {

int eval(const ConfigArguments& arguments) {
  const bool terminal = stderr_is_terminal();
  LogOutput log(terminal, arguments.verbosity);
  absl::StatusOr<ResolvedConfig> config = read_config(arguments);
  if (!config.ok()) {
    log.fail(config.status().message());
    return kExitUsage;
  }
  config::Run& run = config->run;
  const auto fail = [&](const absl::Status& status, int exit_code) {
    log.fail(error_text("eval", *config, status));
    return exit_code;
  };
  if (!run.has_weights() && !run.has_init_from()) {
    return fail(absl::InvalidArgumentError("which weights? add weights=FILE, such as "
                                           "weights=runs/NAME/model.safetensors"),
                kExitUsage);
  }
  if (run.evaluators().empty()) {
    return fail(absl::InvalidArgumentError("the config has no evaluators, so there is no data"),
                kExitUsage);
  }
  keep_for_evaluation(run);

  const SignalScope signals;
  const auto trainer = create_trainer(run, {.run_dir = "", .terminal = terminal});
  if (!trainer.ok()) return fail(trainer.status(), exit_code_of_setup(trainer.status()));
  const auto results = (*trainer)->eval();
  (*trainer)->close();
  if (const int signal = SignalScope::received(); signal != 0) return kExitSignal + signal;
  if (!results.ok()) return fail(results.status(), exit_code_of_run(results.status()));
  absl::PrintF("%s\n", metrics_json(*results));
  return kExitOk;
}

}  // namespace

void add_eval(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ConfigArguments>();
  CLI::App* command = app.add_subcommand(
      "eval", "Prints the metrics of trained weights (weights=FILE) as one JSON object");
  add_config_arguments(*command, *arguments);
  command->callback([arguments, &exit_code] { exit_code = eval(*arguments); });
}

}  // namespace composer
