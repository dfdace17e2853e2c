#include <cerrno>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/checkpoint/weights.h"
#include "composer/cli/commands.h"
#include "composer/cli/config_arguments.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/interrupt.h"
#include "composer/cli/log_output.h"
#include "composer/cli/run_directory.h"
#include "composer/cli/summary.h"
#include "composer/config/chosen_item.h"
#include "composer/config/print.h"
#include "composer/core/model.h"

namespace composer {
namespace {

// What training needs and evaluation does not. All that is missing at once.
absl::Status check_trainable(const config::Run& run) {
  std::vector<std::string> missing;
  if (!run.has_train()) missing.push_back("train (the data)");
  if (!run.has_optimizer() && run.optimizers_size() == 0) missing.push_back("optimizer");
  if (!run.has_max_duration()) missing.push_back("max_duration");
  if (missing.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("training needs ", enumerate(missing, "and"),
                                                 ", which the config does not have"));
}

void fill_in(config::Run& run, const std::string& config_path) {
  if (!run.has_run_name()) run.set_run_name(derived_run_name(config_path, absl::Now()));
  if (run.loggers().empty()) {
    run.add_loggers()->mutable_jsonl();
    run.add_loggers()->mutable_console();
  }
}

absl::Status write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (file.fail()) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

void say_all(LogOutput& log, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) log.say(line);
}

int train(const ConfigArguments& arguments) {
  const bool terminal = stderr_is_terminal();
  LogOutput log(terminal, arguments.verbosity);
  absl::StatusOr<ResolvedConfig> config = read_config(arguments);
  if (!config.ok()) {
    log.fail(config.status().message());
    return kExitUsage;
  }
  config::Run& run = config->run;
  const auto fail = [&](const absl::Status& status, int exit_code) {
    log.fail(error_text("train", *config, status));
    return exit_code;
  };
  if (const absl::Status status = check_trainable(run); !status.ok()) {
    return fail(status, kExitUsage);
  }
  fill_in(run, arguments.config);

  const SignalScope signals;
  absl::StatusOr<RunDirectory> directory = RunDirectory::create(run.output_dir(), run.run_name());
  if (!directory.ok()) return fail(directory.status(), kExitUsage);
  const std::string& path = directory->path();
  absl::StatusOr<std::unique_ptr<Trainer>> created = create_trainer(
      run, {.run_dir = path, .terminal = terminal, .config_text = print_resolved(*config)});
  if (!created.ok()) return fail(created.status(), exit_code_of_setup(created.status()));
  if (SignalScope::received() != 0) return kExitSignal + SignalScope::received();
  Trainer& trainer = **created;

  absl::Status status = log.open(path + "/train.log");
  if (status.ok()) status = write_text(path + "/config.textproto", print_resolved(*config));
  if (const auto learnt = trainer.state().dataloader->learnt(); status.ok() && learnt) {
    status = write_text(path + "/train_learnt.json", *learnt);
  }
  if (!status.ok()) return fail(status, kExitFailure);
  say_all(log, start_summary(trainer, chosen_item(run.model())->field));
  log.say(absl::StrCat("writing to ", path));

  status = trainer.fit();
  trainer.close();
  // What fails in the first step was never right: nothing is left of it.
  if (!status.ok() && trainer.state().timestamp.batch == 0 && !is_diverged(status)) {
    log.say(absl::StrCat("nothing was trained: ", path, " is removed"));
    return fail(status, exit_code_of_setup(status));
  }
  directory->keep();
  const int signal = SignalScope::received();
  const bool stopped = signal != 0 && (status.ok() || absl::IsCancelled(status));
  if (stopped && !status.ok()) log.say(absl::StrCat("training stopped: ", signal_name(signal)));
  if (status.ok() || stopped) {
    status = save_weights(*trainer.state().model, path + "/model.safetensors");
  }
  say_all(log, end_summary(trainer));
  for (const std::string& line : timing_summary(trainer)) log.note(line);
  if (!status.ok()) return fail(status, exit_code_of_run(status));
  log.say(absl::StrCat("wrote ", path, "/model.safetensors"));
  absl::PrintF("%s\n", result_json(trainer.state(), path));
  return stopped ? kExitSignal + signal : kExitOk;
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ConfigArguments>();
  CLI::App* command = app.add_subcommand("train", "Trains what a config describes");
  add_config_arguments(*command, *arguments);
  command->callback([arguments, &exit_code] { exit_code = train(*arguments); });
}

}  // namespace composer
