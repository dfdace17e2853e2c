#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/registry.h"
#include "composer/core/logger.h"
#include "composer/core/optimizer.h"
#include "composer/core/state.h"
#include "google/protobuf/message.h"

namespace composer {

class ComposerModel;

// What a config can name. An item's `create` takes its own message in the place of
// google::protobuf::Message; errors about a field are made with `field_error`.

template <>
struct RegistryTraits<Algorithm> {
  static absl::string_view kind() { return "algorithm"; }
  using Factory =
      std::function<absl::StatusOr<std::unique_ptr<Algorithm>>(const google::protobuf::Message&)>;
};

template <>
struct RegistryTraits<Callback> {
  static absl::string_view kind() { return "callback"; }
  using Factory =
      std::function<absl::StatusOr<std::unique_ptr<Callback>>(const google::protobuf::Message&)>;
};

/// What a logger may need to know of the run that it belongs to.
struct RunContext {
  /// Where the run writes; exists.
  std::string run_dir;
  /// Progress may be drawn on stderr.
  bool terminal = false;
  /// The resolved config, for what the run writes.
  std::string config_text = {};
};

template <>
struct RegistryTraits<LoggerDestination> {
  static absl::string_view kind() { return "logger"; }
  using Factory = std::function<absl::StatusOr<std::unique_ptr<LoggerDestination>>(
      const google::protobuf::Message&, const RunContext&)>;
};

template <>
struct RegistryTraits<ComposerModel> {
  static absl::string_view kind() { return "model"; }
  using Factory = std::function<absl::StatusOr<std::shared_ptr<ComposerModel>>(
      const google::protobuf::Message&)>;
};

/// Also called without parameters, to check a config before there is a model.
template <>
struct RegistryTraits<Optimizer> {
  static absl::string_view kind() { return "optimizer"; }
  using Factory = std::function<absl::StatusOr<std::unique_ptr<Optimizer>>(
      const google::protobuf::Message&, std::vector<NamedParameter>)>;
};

template <>
struct RegistryTraits<Scheduler> {
  static absl::string_view kind() { return "scheduler"; }
  using Factory =
      std::function<absl::StatusOr<std::unique_ptr<Scheduler>>(const google::protobuf::Message&)>;
};

}  // namespace composer
