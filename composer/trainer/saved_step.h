#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/core/loss.h"
#include "composer/core/state_dict.h"
#include "composer/core/tensor_dict.h"

namespace composer {

/// A bad step, with all that is needed to take it again: a folder with `config.textproto` (when the
/// run has a config), `state.safetensors`, `batch.safetensors`, and `step.json` for the rest.
struct SavedStep {
  std::string reason;
  int64_t epoch = 0;
  int64_t batch = 0;
  int64_t batch_in_epoch = 0;
  /// Of the samples in their dataset; unknown for a stream.
  std::optional<std::vector<int64_t>> indices = {};
  /// The loss's terms.
  std::vector<std::pair<std::string, double>> loss = {};
  /// Names of the parameters whose gradients are not finite.
  std::vector<std::string> parameters = {};
  /// Of each parameter group.
  std::vector<double> learning_rates = {};
  /// Threads of one operation; sums come out alike only with as many.
  int64_t threads = 1;
  /// Batches of an epoch, where that is known: schedules go by it.
  std::optional<int64_t> dataloader_length = {};

  /// Empty when there is none.
  std::string config_text = {};
  /// What the step was given.
  Batch data = {};
  /// composer::snapshot of before the step. Algorithms and callbacks may have seen the step.
  StateDict state = {};
};

/// The terms of a loss, read on the host.
std::vector<std::pair<std::string, double>> values_of(const Loss& loss);

/// Makes `folder`, and those above it; it appears complete or not at all, in the place of one that
/// was there.
absl::Status write_saved_step(const std::string& folder, const SavedStep& step);

/// NotFound when `folder` is none or has no step; DataLoss names the file that is damaged.
absl::StatusOr<SavedStep> read_saved_step(const std::string& folder);

/// Where the config of a saved step is.
std::string config_path_of(const std::string& folder);

}  // namespace composer
