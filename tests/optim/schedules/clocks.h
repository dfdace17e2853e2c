#pragma once

#include <memory>
#include <optional>
#include <string>

#include "composer/core/scheduler.h"

namespace composer::testing {

constexpr int64_t kSamples = 4;
constexpr int64_t kTokens = 32;

/// `batch` batches into a run, each of 4 samples and 32 tokens.
ScheduleClock clock_at(int64_t batch, const std::string& max_duration,
                       std::optional<int64_t> batches_per_epoch = 10);

/// The scheduler of a config such as "step { step_size: '1ep' }".
absl::StatusOr<std::unique_ptr<Scheduler>> build(const std::string& config);

/// The same; a test failure where there is an error.
std::unique_ptr<Scheduler> schedule(const std::string& config);

}  // namespace composer::testing
