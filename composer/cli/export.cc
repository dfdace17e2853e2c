#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "composer/base/status.h"
#include "composer/checkpoint/named_tensors.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/cli/commands.h"
#include "composer/cli/weights_conversion.h"

namespace composer {
namespace {

struct ExportArguments {
  ConversionArguments conversion;
  bool allow_trailing_bytes = false;
};

absl::StatusOr<ConversionInput> read(const ExportArguments& arguments) {
  const auto trailing =
      arguments.allow_trailing_bytes ? TrailingBytes::ALLOW : TrailingBytes::REFUSE;
  COMPOSER_ASSIGN_OR_RETURN(
      const SafetensorsFile file,
      read_safetensors(arguments.conversion.input, {.trailing_bytes = trailing}));
  return ConversionInput{.tensors = restore_tied(file)};
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
  command->callback([arguments, &exit_code] {
    exit_code = run_conversion("export", arguments->conversion, [&] { return read(*arguments); });
  });
}

}  // namespace composer
