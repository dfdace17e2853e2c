#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "composer/core/callback.h"
#include "proto/callback.pb.h"

namespace composer {

/// Logs throughput/batches_per_sec and throughput/samples_per_sec, and throughput/tokens_per_sec
/// where batches have tokens: over the last `window_size` batches, or as many as there were, in
/// the time spent on training alone.
class SpeedMonitor : public Callback {
 public:
  using Config = config::SpeedMonitor;
  static absl::StatusOr<std::unique_ptr<SpeedMonitor>> create(const Config& config);

  /// REQUIRES: window_size >= 1.
  explicit SpeedMonitor(int64_t window_size) : window_size_(window_size) {}

  void fit_start(State& state, Logger& logger) override;
  void batch_end(State& state, Logger& logger) override;

 private:
  struct Mark {
    absl::Duration time;
    int64_t batch;
    int64_t sample;
    int64_t token;
  };

  int64_t window_size_;
  std::deque<Mark> marks_;
};

}  // namespace composer
