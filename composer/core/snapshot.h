#pragma once

#include "absl/status/status.h"
#include "composer/core/state.h"
#include "composer/core/state_dict.h"

namespace composer {

/// All that a run needs to go on with the same bits: the model's parameters and buffers, the
/// optimizers, schedulers, algorithms and callbacks, the clock, the metrics in flight and the
/// default random generators. Tensors are copies. Taken between two batches.
StateDict snapshot(const State& state);

/// The same, but with the run's own tensors: for whoever copies them before training goes on.
StateDict live_snapshot(const State& state);

/// Puts a snapshot into a state whose model, optimizers, algorithms and callbacks were made from
/// the same settings. InvalidArgument or NotFound names what does not fit; the state is then only
/// partly restored and must not be trained on.
absl::Status restore(State& state, const StateDict& snapshot);

StateDict to_state_dict(const Timestamp& timestamp);
absl::StatusOr<Timestamp> timestamp_from(const StateDict& state);

}  // namespace composer
