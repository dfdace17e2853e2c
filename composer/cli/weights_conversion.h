#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/checkpoint/named_tensors.h"

namespace CLI {
class App;
}

namespace composer {

/// What `composer import` and `composer export` take alike.
struct ConversionArguments {
  std::string input;
  std::string output;
  /// As "PATTERN=>REPLACEMENT".
  std::vector<std::string> rename;
  std::vector<std::string> only;
  std::vector<std::string> skip;
};

/// Adds --rename, --only and --skip.
void add_name_options(CLI::App& command, ConversionArguments& arguments);

/// What a command has read.
struct ConversionInput {
  NamedTensors tensors;
  /// They come first in what is printed: {"key":"\"state.model\""}.
  std::vector<std::pair<std::string, std::string>> facts;
};

/// Checks the arguments, calls `read`, renames the tensors and writes them to the output, as
/// safetensors, in which tied tensors stand once and the metadata says so, or as a file of
/// torch.save's, by the name's ending: ".safetensors", ".pt", ".pth" or ".bin". Prints what was
/// done as one JSON object, or `command` and the error. Gives the exit code.
int run_conversion(absl::string_view command, const ConversionArguments& arguments,
                   absl::FunctionRef<absl::StatusOr<ConversionInput>()> read);

}  // namespace composer
