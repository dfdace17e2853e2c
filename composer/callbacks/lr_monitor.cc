#include "composer/callbacks/lr_monitor.h"

#include "absl/strings/str_cat.h"
#include "composer/core/logger.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"

namespace composer {

absl::StatusOr<std::unique_ptr<LRMonitor>> LRMonitor::create(const Config& config) {
  return std::make_unique<LRMonitor>();
}

void LRMonitor::batch_start(State& state, Logger& logger) {
  if (!logger.due()) return;
  int index = 0;
  for (const auto& optimizer : state.optimizers) {
    for (const ParameterGroup& group : optimizer->groups()) {
      logger.log_metric(absl::StrCat("lr/group", index++), group.lr);
    }
  }
}

COMPOSER_REGISTER(Callback, LRMonitor);

}  // namespace composer
