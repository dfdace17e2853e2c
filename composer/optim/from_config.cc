#include "composer/optim/from_config.h"

#include <utility>
#include <vector>

#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/core/registries.h"
#include "proto/optimizer.pb.h"
#include "proto/scheduler.pb.h"

namespace composer {

absl::StatusOr<OptimizerFactory> build_optimizer_factory(const config::Optimizer& config) {
  COMPOSER_RETURN_IF_ERROR(build_chosen<Optimizer>(config, std::vector<NamedParameter>()).status());
  return OptimizerFactory([config](std::vector<NamedParameter> parameters) {
    return build_chosen<Optimizer>(config, std::move(parameters));
  });
}

absl::StatusOr<std::unique_ptr<Scheduler>> build_scheduler(const config::Scheduler& config) {
  return build_chosen<Scheduler>(config);
}

}  // namespace composer
