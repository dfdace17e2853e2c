#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/trainer/saved_step.h"
#include "composer/trainer/trainer.h"
#include "composer/trainer/value_trace.h"

namespace composer {

/// What came of taking a saved step again.
struct ReplayReport {
  /// The loss or a gradient is not finite, as in the run.
  bool reproduced = false;
  /// Where that comes from: the operation, or the tensor, that made the bad value last, with what
  /// led to it first. Empty when it was not found.
  std::vector<BadValue> origin = {};
  /// When the batch had bad values itself: the tensor's name, and which of its samples have them.
  std::string bad_input = {};
  std::vector<int64_t> bad_samples = {};
  /// The loss's terms.
  std::vector<std::pair<std::string, double>> loss = {};
  /// Names of the parameters whose gradients are not finite.
  std::vector<std::string> parameters = {};
  /// Of the gradients that are finite.
  double grad_norm = 0;
  /// What the autograd engine's anomaly mode says, for a value that arises in the backward pass.
  std::string anomaly = {};
  /// Why the step ended early, if it did.
  std::string error = {};
};

/// Takes a saved step again, watched by a ValueTrace. `trainer` is as the one that saved it: the
/// same model, optimizers, algorithms and callbacks; it is of no use for training afterwards. Fails
/// when the saved state does not fit.
absl::StatusOr<ReplayReport> replay(Trainer& trainer, const SavedStep& step);

}  // namespace composer
