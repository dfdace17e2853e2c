#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/callback.h"
#include "proto/callback.pb.h"

namespace composer {

/// Logs the learning rate of each parameter group that a step uses: lr/group0, lr/group1, ... With
/// several optimizers the groups count through.
class LRMonitor : public Callback {
 public:
  using Config = config::LRMonitor;
  static absl::StatusOr<std::unique_ptr<LRMonitor>> create(const Config& config);

  void batch_start(State& state, Logger& logger) override;
};

}  // namespace composer
