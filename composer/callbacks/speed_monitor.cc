#include "composer/callbacks/speed_monitor.h"

#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"

namespace composer {

absl::StatusOr<std::unique_ptr<SpeedMonitor>> SpeedMonitor::create(const Config& config) {
  if (config.window_size() < 1) return field_error("window_size", "must be at least 1");
  return std::make_unique<SpeedMonitor>(config.window_size());
}

void SpeedMonitor::fit_start(State& state, Logger& logger) {
  const Timestamp& now = state.timestamp;
  marks_.assign(1, {now.total_wct, now.batch, now.sample, now.token});
}

void SpeedMonitor::batch_end(State& state, Logger& logger) {
  const Timestamp& now = state.timestamp;
  marks_.push_back({now.total_wct, now.batch, now.sample, now.token});
  if (static_cast<int64_t>(marks_.size()) > window_size_ + 1) marks_.pop_front();
  if (!logger.due()) return;

  const Mark& oldest = marks_.front();
  const double seconds = absl::ToDoubleSeconds(now.total_wct - oldest.time);
  if (seconds <= 0) return;
  logger.log_metric("throughput/batches_per_sec", (now.batch - oldest.batch) / seconds);
  logger.log_metric("throughput/samples_per_sec", (now.sample - oldest.sample) / seconds);
  if (now.token > oldest.token) {
    logger.log_metric("throughput/tokens_per_sec", (now.token - oldest.token) / seconds);
  }
}

COMPOSER_REGISTER(Callback, SpeedMonitor);

}  // namespace composer
