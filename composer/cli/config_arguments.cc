#include "composer/cli/config_arguments.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/config/chosen_item.h"
#include "composer/trainer/from_config.h"

namespace composer {
namespace {

// The trainer does this when it starts to fit; here it is known which field is wrong.
absl::Status check_schedulers(const config::Run& run, const Trainer& trainer) {
  if (!trainer.state().max_duration.has_value()) return absl::OkStatus();
  for (int i = 0; i < run.schedulers_size(); ++i) {
    absl::Status status = trainer.check_scheduler(static_cast<size_t>(i));
    if (status.ok()) continue;
    COMPOSER_ASSIGN_OR_RETURN(const ChosenItem item, chosen_item(run.schedulers(i)));
    return in_field(absl::StrCat("schedulers[", i, "]"), in_field(item.field, std::move(status)));
  }
  return absl::OkStatus();
}

}  // namespace

void add_config_arguments(CLI::App& command, ConfigArguments& arguments) {
  command.add_option("config", arguments.config, "A .textproto, .yaml or .json file")->required();
  command.add_option("overrides", arguments.overrides,
                     "field=value, such as optimizer.sgd.lr=0.1; list+=value appends");
  add_plugin_option(command, arguments.plugins);
  command.add_flag("-v,--verbose", arguments.verbosity, "Says more; twice, even more");
}

absl::StatusOr<ResolvedConfig> read_config(const ConfigArguments& arguments) {
  if (absl::Status status = load_plugins(arguments.plugins); !status.ok()) {
    return annotate("composer", status);
  }
  return load_config(arguments.config, arguments.overrides);
}

absl::StatusOr<std::unique_ptr<Trainer>> create_trainer(const config::Run& run,
                                                        const RunContext& context,
                                                        std::vector<BoundaryHook> hooks) {
  COMPOSER_ASSIGN_OR_RETURN(TrainerOptions options, build_trainer_options(run, context));
  auto callback = std::make_unique<InterruptCallback>(std::move(hooks));
  InterruptCallback& interrupt = *callback;
  options.callbacks.push_back(std::move(callback));
  options.stop_waiting = SignalScope::pending;
  auto trainer = Trainer::create(std::move(options));
  if (trainer.ok()) {
    interrupt.set_save([trainer = trainer->get()] { trainer->request_save(); });
  }
  if (trainer.ok() && run.has_train()) {
    COMPOSER_RETURN_IF_ERROR(check_schedulers(run, **trainer));
  }
  return trainer;
}

std::string error_text(absl::string_view command, const ResolvedConfig& config,
                       const absl::Status& status) {
  if (field_of(status).empty()) return absl::StrCat("composer ", command, ": ", status.message());
  return std::string(located(config, status).message());
}

void keep_for_evaluation(config::Run& run) {
  if (run.has_weights()) run.clear_init_from();
  run.clear_train();
  run.clear_max_duration();
  run.clear_optimizer();
  run.clear_optimizers();
  run.clear_schedulers();
  run.clear_callbacks();
  config::Logger console;
  console.mutable_console();
  for (const config::Logger& logger : run.loggers()) {
    if (logger.has_console()) console = logger;
  }
  run.clear_loggers();
  *run.add_loggers() = std::move(console);
}

bool stderr_is_terminal() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string(term) != "dumb";
}

}  // namespace composer
