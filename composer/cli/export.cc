#include <cstdio>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/checkpoint/named_tensors.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/cli/commands.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/weights_conversion.h"

namespace composer {
namespace {

struct ExportArguments {
  ConversionArguments conversion;
  bool allow_trailing_bytes = false;
};

absl::StatusOr<std::string> run_export(const ExportArguments& arguments) {
  // Before a large file is read.
  COMPOSER_RETURN_IF_ERROR(check_output(arguments.conversion.output));
  COMPOSER_RETURN_IF_ERROR(name_map_of(arguments.conversion).status());
  const auto trailing =
      arguments.allow_trailing_bytes ? TrailingBytes::ALLOW : TrailingBytes::REFUSE;
  COMPOSER_ASSIGN_OR_RETURN(
      const SafetensorsFile file,
      read_safetensors(arguments.conversion.input, {.trailing_bytes = trailing}));
  return convert_weights(restore_tied(file), arguments.conversion, {});
}

int export_weights(const ExportArguments& arguments) {
  absl::StatusOr<std::string> result = "";
  const absl::Status status = catch_exceptions([&] {
    result = run_export(arguments);
    return result.status();
  });
  if (!status.ok()) {
    absl::FPrintF(stderr, "composer export: %s\n", status.message());
    return exit_code_of_setup(status);
  }
  absl::PrintF("%s\n", *result);
  return kExitOk;
}

}  // namespace

void add_export(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command = app.add_subcommand(
      "export", "Writes safetensors for torch.load, or as safetensors under other names");
  command
      ->add_option("model", arguments->conversion.input,
                   "A .safetensors file, the .index.json of one that is split, or a folder with "
                   "either")
      ->required();
  command
      ->add_option("output", arguments->conversion.output,
                   "The file to write: OUT.pt for torch.load, or OUT.safetensors")
      ->required();
  command->add_flag("--allow-trailing-bytes", arguments->allow_trailing_bytes,
                    "Read files with bytes after the last tensor, which the format forbids");
  add_name_options(*command, arguments->conversion);
  command->callback([arguments, &exit_code] { exit_code = export_weights(*arguments); });
}

}  // namespace composer
