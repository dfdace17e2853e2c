#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
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

/// The rules of the arguments, checked.
absl::StatusOr<NameMap> name_map_of(const ConversionArguments& arguments);

/// Renames the tensors and writes them to the output, as safetensors, in which tied tensors stand
/// once and the metadata says so, or as a file of torch.save's by the name's ending:
/// ".safetensors",
/// ".pt", ".pth" or ".bin". Gives what was done as one JSON object; `facts` come first in it:
/// {"key":"\"state.model\""}.
absl::StatusOr<std::string> convert_weights(
    const NamedTensors& tensors, const ConversionArguments& arguments,
    const std::vector<std::pair<std::string, std::string>>& facts);

/// InvalidArgument unless the name says a format that can be written.
absl::Status check_output(const std::string& path);

}  // namespace composer
