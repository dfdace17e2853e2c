#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/optimizer.h"
#include "composer/core/scheduler.h"

namespace composer {

namespace config {
class Optimizer;
class Run;
class Scheduler;
}  // namespace config

/// Factories for the optimizers that a run's `optimizer` or `optimizers` choose, built-in or of a
/// loaded library. Their settings are checked here already, by making each for no parameters; what
/// depends on the parameters' names is checked when they are given: each must be taken by exactly
/// one optimizer's `parameters`. Logs what the groups hold where there are several. Errors carry a
/// field path relative to `run`.
absl::StatusOr<std::vector<OptimizerFactory>> build_optimizer_factories(const config::Run& run);

/// The scheduler that `config` chooses. Errors carry a field path relative to `config`.
absl::StatusOr<std::unique_ptr<Scheduler>> build_scheduler(const config::Scheduler& config);

}  // namespace composer
