#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/base/time.h"
#include "composer/core/callback.h"
#include "proto/callback.pb.h"

namespace composer {

/// Ends the run when the training loss is NaN or infinite, before the optimizer uses its gradients.
/// The error is a `diverged_error` that names the terms of the loss. Reading the loss waits for its
/// device; a longer interval costs less.
class NaNMonitor : public Callback {
 public:
  using Config = config::NaNMonitor;
  static absl::StatusOr<std::unique_ptr<NaNMonitor>> create(const Config& config);

  /// REQUIRES: `interval` is in batches.
  explicit NaNMonitor(Time interval) : interval_(interval) {}

  void after_train_batch(State& state, Logger& logger) override;

 private:
  Time interval_;
};

}  // namespace composer
