#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/atomic_file.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/cli/commands.h"
#include "composer/cli/config_arguments.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/log_output.h"
#include "composer/cli/lr_chart.h"
#include "composer/cli/svg_chart.h"
#include "composer/cli/temporary_folder.h"
#include "composer/cli/terminal_chart.h"
#include "composer/config/print.h"
#include "composer/loggers/status_line.h"

namespace composer {
namespace {

// What --plot-lr is given when no file is named.
constexpr char kTerminal[] = "terminal";

// Draws on stderr, since stdout has the config, or into the file `target`.
absl::Status plot_learning_rate(const ConfigArguments& arguments, Trainer& trainer,
                                const std::string& target, LogOutput& log) {
  absl::StatusOr<Chart> chart = learning_rate_chart(trainer.state(), *trainer.state().dataloader);
  if (!chart.ok()) return chart.status();
  chart->subtitle = absl::StrCat(std::filesystem::path(arguments.config).filename().string(), ", ",
                                 chart->subtitle);
  if (target == kTerminal) {
    log.say(draw_in_terminal(
        *chart, {.columns = StatusLine(STDERR_FILENO).columns(), .unicode = locale_is_utf8()}));
    return absl::OkStatus();
  }
  COMPOSER_RETURN_IF_ERROR(write_file_atomically(target, draw_as_svg(*chart)));
  log.say(absl::StrCat("wrote ", target));
  return absl::OkStatus();
}

int check(const ConfigArguments& arguments, const std::string& plot) {
  LogOutput log(/*terminal=*/false, arguments.verbosity);
  if (!plot.empty() && plot != kTerminal && !absl::EndsWith(plot, ".svg")) {
    log.fail(
        absl::StrCat("composer check: --plot-lr draws SVG; name a file that ends in \".svg\", "
                     "not \"",
                     plot, "\""));
    return kExitUsage;
  }
  const absl::StatusOr<ResolvedConfig> config = read_config(arguments);
  if (!config.ok()) {
    log.fail(config.status().message());
    return kExitUsage;
  }
  // For loggers that want one.
  const absl::StatusOr<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder.ok()) {
    log.fail(error_text("check", *config, folder.status()));
    return kExitFailure;
  }
  const auto trainer = create_trainer(config->run, {.run_dir = folder->path()});
  if (!trainer.ok()) {
    log.fail(error_text("check", *config, trainer.status()));
    return exit_code_of_setup(trainer.status());
  }
  absl::PrintF("%s", print_resolved(*config));
  if (plot.empty()) return kExitOk;
  std::fflush(stdout);  // the config comes first where both are shown
  absl::Status drawn =
      absl::FailedPreconditionError("the learning rate cannot be drawn: the config has no `train`");
  if ((*trainer)->state().dataloader != nullptr) {
    drawn = catch_exceptions([&] { return plot_learning_rate(arguments, **trainer, plot, log); });
  }
  if (drawn.ok()) return kExitOk;
  log.fail(error_text("check", *config, drawn));
  return exit_code_of_setup(drawn);
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ConfigArguments>();
  CLI::App* command = app.add_subcommand(
      "check", "Builds all that a config describes without training, and prints the whole config");
  add_config_arguments(*command, *arguments);
  auto plot = std::make_shared<std::string>();
  command->add_flag(absl::StrCat("--plot-lr{", kTerminal, "}"), *plot,
                    "Draws the learning rate of each parameter group over the run, in the terminal "
                    "(stderr); --plot-lr=FILE.svg as a picture");
  command->callback([arguments, plot, &exit_code] { exit_code = check(*arguments, *plot); });
}

}  // namespace composer
