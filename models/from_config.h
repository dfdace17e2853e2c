#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace composer {

class ComposerModel;

namespace config {
class Model;
}  // namespace config

/// The model that `config` chooses, built-in or of a loaded library. Errors carry a field path
/// relative to `config`.
absl::StatusOr<std::shared_ptr<ComposerModel>> build_model(const config::Model& config);

/// The model that is registered under `name` ("MLPEncoder", or a full name such as
/// "composer.config.MLPEncoder"), with settings in protobuf's text format:
///
///   build_model("MLPEncoder", "input_dim: 1000 hidden_dim: 256")
absl::StatusOr<std::shared_ptr<ComposerModel>> build_model(absl::string_view name,
                                                           absl::string_view settings);

}  // namespace composer
