#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/optimizer.h"
#include "composer/core/scheduler.h"

namespace composer {

namespace config {
class Optimizer;
class Scheduler;
}  // namespace config

/// A factory for the optimizer that `config` chooses, built-in or of a loaded library. Its settings
/// are checked here already, by making one for no parameters; what depends on the parameters'
/// names is checked when they are given. Errors carry a field path relative to `config`.
absl::StatusOr<OptimizerFactory> build_optimizer_factory(const config::Optimizer& config);

/// The scheduler that `config` chooses. Errors carry a field path relative to `config`.
absl::StatusOr<std::unique_ptr<Scheduler>> build_scheduler(const config::Scheduler& config);

}  // namespace composer
