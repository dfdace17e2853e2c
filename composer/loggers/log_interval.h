#pragma once

#include <cstdint>
#include <optional>

#include "composer/base/time.h"

namespace composer {

/// Decides which training steps a logger wants: those that reach a multiple of its interval. Knows
/// the length of the epoch, so that an interval in epochs means the last step of an epoch and not
/// the first of the next.
class LogInterval {
 public:
  explicit LogInterval(Time interval) : interval_(interval) {}

  /// To be told at epoch_start; unknown for a stream, whose last step is seen too late.
  void set_batches_per_epoch(std::optional<int64_t> batches) { batches_per_epoch_ = batches; }

  bool due(const Timestamp& before, const Timestamp& after) const;
  /// True when the step that ends at `after` is the last of its epoch.
  bool ends_epoch(const Timestamp& after) const;

 private:
  Time interval_;
  std::optional<int64_t> batches_per_epoch_;
};

}  // namespace composer
