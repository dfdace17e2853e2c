#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/checkpoint/torch_checkpoint.h"
#include "composer/cli/commands.h"
#include "composer/cli/weights_conversion.h"

namespace composer {
namespace {

struct ImportArguments {
  ConversionArguments conversion;
  std::string key;
};

absl::StatusOr<ConversionInput> read(const ImportArguments& arguments) {
  COMPOSER_ASSIGN_OR_RETURN(TorchCheckpoint checkpoint,
                            read_torch_checkpoint(arguments.conversion.input, arguments.key));
  return ConversionInput{std::move(checkpoint.tensors),
                         {{"key", json_quote(checkpoint.key)},
                          {"not_tensors", absl::StrCat(checkpoint.left_out.size())}}};
}

}  // namespace

void add_import(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ImportArguments>();
  CLI::App* command = app.add_subcommand(
      "import", "Writes the tensors of a file of torch.save's as safetensors; runs nothing of it");
  command
      ->add_option("checkpoint", arguments->conversion.input,
                   "A state dict, or a checkpoint with one in it, as Composer's trainer saves it")
      ->required();
  command
      ->add_option("output", arguments->conversion.output,
                   "The file to write: OUT.safetensors, or OUT.pt for torch.load")
      ->required();
  command->add_option("--key", arguments->key,
                      "Where the state dict is, such as ema.model; by default the first of "
                      "state.model, state_dict, model_state_dict and model, or the whole");
  add_name_options(*command, arguments->conversion);
  command->callback([arguments, &exit_code] {
    exit_code = run_conversion("import", arguments->conversion, [&] { return read(*arguments); });
  });
}

}  // namespace composer
