#include <torch/headeronly/version.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/suggest.h"
#include "composer/base/version.h"
#include "composer/cli/commands.h"
#include "composer/cli/exit_codes.h"

namespace composer {
namespace {

// The subcommand that the arguments name, or the whole command.
const CLI::App& chosen_command(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app : *chosen.front();
}

std::vector<std::string> flag_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(absl::StrCat("--", name));
  }
  return names;
}

std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = chosen_command(app);
  const std::vector<std::string> extras = app.remaining(/*recurse=*/true);
  if (!extras.empty()) {
    const std::string& extra = extras.front();
    if (absl::StartsWith(extra, "-")) {
      return absl::StrCat("unknown flag ", extra, "; ", suggestion(extra, flag_names(command)));
    }
    if (&command == &app) {
      std::vector<std::string> commands;
      for (const CLI::App* each : app.get_subcommands({})) commands.push_back(each->get_name());
      return absl::StrCat("unknown command \"", extra, "\"; ", suggestion(extra, commands));
    }
    return absl::StrCat("unexpected argument \"", extra, "\"");
  }
  if (&command == &app) return "which command? composer --help lists them";
  return error.what();
}

int run(int argc, char** argv) {
  CLI::App app("Trains models from configs.", "composer");
  app.set_version_flag("--version",
                       absl::StrCat("composer ", kVersion, " (LibTorch ", TORCH_VERSION, ")"));
  app.require_subcommand(1);
  app.footer("composer COMMAND --help says more about a command.");
  int exit_code = kExitOk;
  add_train(app, exit_code);
  add_verify_resume(app, exit_code);
  add_eval(app, exit_code);
  add_predict(app, exit_code);
  add_replay(app, exit_code);
  add_import(app, exit_code);
  add_export(app, exit_code);
  add_check(app, exit_code);
  add_list(app, exit_code);
  add_describe(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      return app.exit(error);  // help and version
    }
    const CLI::App& command = chosen_command(app);
    absl::FPrintF(stderr, "composer%s%s: %s\n", &command == &app ? "" : " ",
                  &command == &app ? "" : command.get_name(), usage_error(app, error));
    return kExitUsage;
  }
  return exit_code;
}

}  // namespace
}  // namespace composer

int main(int argc, char** argv) {
  // `bazel run` starts programs in a folder of its own; this is where the user is.
  if (const char* folder = std::getenv("BUILD_WORKING_DIRECTORY"); folder != nullptr) {
    if (chdir(folder) != 0) {
      absl::FPrintF(stderr, "composer: cannot go to %s: %s\n", folder, std::strerror(errno));
      return composer::kExitFailure;
    }
  }
  return composer::run(argc, argv);
}
