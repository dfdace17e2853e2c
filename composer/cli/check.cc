#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/status.h"
#include "composer/cli/commands.h"
#include "composer/cli/config_arguments.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/log_output.h"
#include "composer/config/print.h"

namespace composer {
namespace {

// A folder for loggers that want one; gone again at the end.
class ScratchFolder {
 public:
  ScratchFolder() : path_((std::filesystem::temp_directory_path() / "composer_XXXXXX").string()) {
    made_ = ::mkdtemp(path_.data()) != nullptr;
  }
  ~ScratchFolder() {
    std::error_code ignored;  // a folder in the system's own temporary one
    if (made_) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool made_;
};

int check(const ConfigArguments& arguments) {
  LogOutput log(/*terminal=*/false, arguments.verbosity);
  const absl::StatusOr<ResolvedConfig> config = read_config(arguments);
  if (!config.ok()) {
    log.fail(config.status().message());
    return kExitUsage;
  }
  const ScratchFolder scratch;
  const auto trainer = create_trainer(config->run, {.run_dir = scratch.path()});
  if (!trainer.ok()) {
    log.fail(error_text("check", *config, trainer.status()));
    return exit_code_of_setup(trainer.status());
  }
  absl::PrintF("%s", print_resolved(*config));
  return kExitOk;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ConfigArguments>();
  CLI::App* command = app.add_subcommand(
      "check", "Builds all that a config describes without training, and prints the whole config");
  add_config_arguments(*command, *arguments);
  command->callback([arguments, &exit_code] { exit_code = check(*arguments); });
}

}  // namespace composer
