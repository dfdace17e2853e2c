#include <ATen/ops/cat.h>
#include <sys/stat.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/cli/commands.h"
#include "composer/cli/config_arguments.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/interrupt.h"
#include "composer/cli/log_output.h"
#include "composer/cli/summary.h"
#include "composer/trainer/from_config.h"

namespace composer {
namespace {

struct PredictArguments {
  ConfigArguments config;
  std::string output;
};

// The outputs of all batches, one after the other, by name.
absl::StatusOr<NamedTensors> join(const std::vector<Outputs>& batches) {
  std::map<std::string, std::vector<at::Tensor>> parts;
  for (const Outputs& outputs : batches) {
    for (const auto& [name, tensor] : outputs) {
      if (tensor.dim() == 0) {
        return absl::InvalidArgumentError(absl::StrCat(
            "the model's output \"", name, "\" has no batch dimension, so it cannot be written"));
      }
      parts[name].push_back(tensor);
    }
  }
  NamedTensors joined;
  for (const auto& [name, tensors] : parts) joined.emplace_back(name, at::cat(tensors));
  return joined;
}

int predict(const PredictArguments& arguments) {
  const bool terminal = stderr_is_terminal();
  LogOutput log(terminal, arguments.config.verbosity);
  absl::StatusOr<ResolvedConfig> config = read_config(arguments.config);
  if (!config.ok()) {
    log.fail(config.status().message());
    return kExitUsage;
  }
  config::Run& run = config->run;
  const auto fail = [&](const absl::Status& status, int exit_code) {
    log.fail(error_text("predict", *config, status));
    return exit_code;
  };
  if (!run.has_weights() && !run.has_init_from()) {
    return fail(absl::InvalidArgumentError("which weights? add weights=FILE, such as "
                                           "weights=runs/NAME/model.safetensors"),
                kExitUsage);
  }
  const auto loader = build_predict_loader(run);
  if (!loader.ok()) return fail(loader.status(), exit_code_of_setup(loader.status()));
  keep_for_evaluation(run);
  run.clear_evaluators();

  const SignalScope signals;
  const auto trainer = create_trainer(run, {.run_dir = "", .terminal = terminal});
  if (!trainer.ok()) return fail(trainer.status(), exit_code_of_setup(trainer.status()));
  const auto outputs = (*trainer)->predict(**loader);
  (*trainer)->close();
  if (const int signal = SignalScope::received(); signal != 0) return kExitSignal + signal;
  if (!outputs.ok()) return fail(outputs.status(), exit_code_of_run(outputs.status()));
  const absl::Status written = catch_exceptions([&]() -> absl::Status {
    COMPOSER_ASSIGN_OR_RETURN(const NamedTensors joined, join(*outputs));
    return write_safetensors(arguments.output, joined);
  });
  if (!written.ok()) return fail(written, kExitFailure);
  const int64_t samples = (*trainer)->state().predict_timestamp.sample;
  log.say(absl::StrCat("wrote the outputs for ", with_commas(samples), " samples to ",
                       arguments.output));
  return kExitOk;
}

}  // namespace

void add_predict(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<PredictArguments>();
  CLI::App* command = app.add_subcommand(
      "predict", "Writes the outputs of trained weights (weights=FILE) as safetensors");
  add_config_arguments(*command, arguments->config);
  command
      ->add_option("-o,--output", arguments->output,
                   "The file to write: each output of the model, all samples in order")
      ->required();
  command->callback([arguments, &exit_code] { exit_code = predict(*arguments); });
}

}  // namespace composer
