#include "composer/trainer/replay.h"

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/status.h"
#include "composer/cli/commands.h"
#include "composer/cli/config_arguments.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/interrupt.h"
#include "composer/cli/log_output.h"
#include "composer/cli/replay_text.h"
#include "composer/config/load_config.h"
#include "composer/data/batches_loader.h"
#include "composer/trainer/from_config.h"
#include "composer/trainer/saved_step.h"

namespace composer {
namespace {

struct ReplayArguments {
  std::string folder;
  std::vector<std::string> overrides;
  PluginArguments plugins;
  int verbosity = 0;
};

// What a single step does without; its batch is at hand.
void keep_for_replay(config::Run& run, const SavedStep& step) {
  run.clear_train();
  run.clear_evaluators();
  run.clear_predict();
  run.clear_weights();
  run.clear_init_from();
  run.clear_loggers();
  if (run.threads() == "auto") run.set_threads(absl::StrCat(step.threads));
}

absl::StatusOr<std::unique_ptr<Trainer>> create_replayer(config::Run run, const SavedStep& step) {
  keep_for_replay(run, step);
  COMPOSER_ASSIGN_OR_RETURN(TrainerOptions options, build_trainer_options(run, {}));
  options.train = std::make_shared<BatchesLoader>(std::vector<Batch>{step.data});
  // `train` has one, too.
  options.callbacks.push_back(std::make_unique<InterruptCallback>());
  return Trainer::create(std::move(options));
}

int replay_step(const ReplayArguments& arguments) {
  LogOutput log(stderr_is_terminal(), arguments.verbosity);
  const auto fail = [&](const absl::Status& status, int exit_code) {
    log.fail(absl::StrCat("composer replay: ", status.message()));
    return exit_code;
  };
  if (const absl::Status status = load_plugins(arguments.plugins); !status.ok()) {
    return fail(status, kExitUsage);
  }
  const absl::StatusOr<SavedStep> step = read_saved_step(arguments.folder);
  if (!step.ok()) {
    return fail(step.status(), absl::IsNotFound(step.status()) ? kExitUsage : kExitFailure);
  }
  if (step->config_text.empty()) {
    return fail(absl::InvalidArgumentError(absl::StrCat(
                    config_path_of(arguments.folder),
                    " is missing, so the model is not known: a program that trains without a "
                    "config takes its steps again with composer::replay")),
                kExitUsage);
  }
  const absl::StatusOr<ResolvedConfig> config =
      load_config(config_path_of(arguments.folder), arguments.overrides, {.check_paths = false});
  if (!config.ok()) {
    log.fail(config.status().message());
    return kExitUsage;
  }
  const auto trainer = create_replayer(config->run, *step);
  if (!trainer.ok()) {
    log.fail(error_text("replay", *config, trainer.status()));
    return exit_code_of_setup(trainer.status());
  }
  const absl::StatusOr<ReplayReport> report = replay(**trainer, *step);
  (*trainer)->close();
  if (!report.ok()) return fail(report.status(), kExitFailure);
  for (const std::string& line : replay_lines(*step, *report)) log.say(line);
  absl::PrintF("%s\n", replay_json(arguments.folder, *step, *report));
  return report->reproduced && !report->origin.empty() ? kExitOk : kExitFailure;
}

}  // namespace

void add_replay(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* command = app.add_subcommand(
      "replay", "Takes a bad step again and names the operation that its NaN comes from");
  command
      ->add_option("dir", arguments->folder,
                   "The folder of a saved step, such as runs/NAME/bad_steps/ba12")
      ->required();
  command->add_option("overrides", arguments->overrides,
                      "field=value on top of its config, such as device=cpu");
  add_plugin_option(*command, arguments->plugins);
  command->add_flag("-v,--verbose", arguments->verbosity, "Says more; twice, even more");
  command->footer(
      "Prints one JSON object. Exits with 0 when the operation was found, with 1 when the step is "
      "fine this time.");
  command->callback([arguments, &exit_code] { exit_code = replay_step(*arguments); });
}

}  // namespace composer
