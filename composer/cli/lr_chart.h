#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "composer/cli/chart.h"

namespace composer {

class DataLoader;
struct State;

/// The learning rate of each parameter group over the run that `state` is at the start of, as its
/// schedulers give it for the batches that are trained on; groups with the same one share a line.
/// Samples are counted as if every batch were full, tokens as if every batch had as many as the
/// first, which is read from `train`. FailedPrecondition when how many batches the run has cannot
/// be known, or when there is no optimizer.
absl::StatusOr<Chart> learning_rate_chart(const State& state, DataLoader& train);

}  // namespace composer
