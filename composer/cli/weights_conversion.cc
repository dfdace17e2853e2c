#include "composer/cli/weights_conversion.h"

#include <cstdint>
#include <cstdio>
#include <set>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/exceptions.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/checkpoint/torch_checkpoint.h"
#include "composer/cli/exit_codes.h"

namespace composer {
namespace {

bool is_safetensors(const std::string& path) { return absl::EndsWith(path, ".safetensors"); }

absl::StatusOr<NameMap> name_map_of(const ConversionArguments& arguments) {
  NameMapOptions options = {.only = arguments.only, .skip = arguments.skip};
  for (const std::string& rule : arguments.rename) {
    COMPOSER_ASSIGN_OR_RETURN(RenameRule parsed, parse_rename_rule(rule));
    options.rename.push_back(std::move(parsed));
  }
  return NameMap::create(options);
}

absl::Status check_output(const std::string& path) {
  for (const char* const ending : {".safetensors", ".pt", ".pth", ".bin"}) {
    if (absl::EndsWith(path, ending)) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": expected a name that ends in .safetensors, or in .pt, .pth or .bin for torch.load"));
}

absl::StatusOr<std::string> convert(const ConversionArguments& arguments,
                                    absl::FunctionRef<absl::StatusOr<ConversionInput>()> read) {
  // Before a large file is read.
  COMPOSER_RETURN_IF_ERROR(check_output(arguments.output));
  COMPOSER_ASSIGN_OR_RETURN(const NameMap map, name_map_of(arguments));
  COMPOSER_ASSIGN_OR_RETURN(const ConversionInput input, read());
  const auto& [tensors, facts] = input;
  absl::StatusOr<NamedTensors> renamed = rename_tensors(tensors, map);
  if (!renamed.ok()) return annotate(arguments.input, renamed.status());
  if (renamed->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(arguments.input, ": of ", tensors.size(), " tensors none is taken"));
  }
  const UntiedTensors untied = separate_tied(*renamed);
  if (is_safetensors(arguments.output)) {
    SafetensorsMetadata metadata = untied.tied;
    metadata.emplace_back("format", "pt");
    COMPOSER_RETURN_IF_ERROR(write_safetensors(arguments.output, untied.tensors, metadata));
  } else {
    COMPOSER_RETURN_IF_ERROR(write_torch_checkpoint(arguments.output, *renamed));
  }

  std::set<std::string> names;
  for (const auto& [name, tensor] : tensors) names.insert(name);
  int64_t parameters = 0, bytes = 0, kept = 0;
  for (const auto& [name, tensor] : *renamed) kept += names.count(name) > 0 ? 1 : 0;
  for (const auto& [name, tensor] : untied.tensors) {
    parameters += tensor.numel();
    bytes += tensor.numel() * static_cast<int64_t>(tensor.element_size());
  }
  std::string json = absl::StrCat("{\"output\":", json_quote(arguments.output));
  for (const auto& [name, value] : facts) {
    absl::StrAppend(&json, ",", json_quote(name), ":", value);
  }
  absl::StrAppend(&json, ",\"tensors\":", renamed->size(), ",\"tied\":", untied.tied.size(),
                  ",\"elements\":", parameters, ",\"bytes\":", bytes,
                  ",\"renamed\":", static_cast<int64_t>(renamed->size()) - kept,
                  ",\"left_out\":", tensors.size() - renamed->size(), "}");
  return json;
}

}  // namespace

void add_name_options(CLI::App& command, ConversionArguments& arguments) {
  // One value each, so that the arguments that follow are not taken for more.
  command
      .add_option("--rename", arguments.rename,
                  "PATTERN=>REPLACEMENT for names: a regular expression, and what its matches "
                  "become ($1 is the first group); several apply in order")
      ->allow_extra_args(false);
  command
      .add_option("--only", arguments.only,
                  "Take only tensors in whose new name this regular expression matches")
      ->allow_extra_args(false);
  command
      .add_option("--skip", arguments.skip,
                  "Leave out tensors in whose new name this regular expression matches")
      ->allow_extra_args(false);
}

int run_conversion(absl::string_view command, const ConversionArguments& arguments,
                   absl::FunctionRef<absl::StatusOr<ConversionInput>()> read) {
  absl::StatusOr<std::string> result = "";
  const absl::Status status = catch_exceptions([&] {
    result = convert(arguments, read);
    return result.status();
  });
  if (!status.ok()) {
    absl::FPrintF(stderr, "composer %s: %s\n", command, status.message());
    return exit_code_of_setup(status);
  }
  absl::PrintF("%s\n", *result);
  return kExitOk;
}

}  // namespace composer
