#pragma once

#include "composer/base/time.h"
#include "composer/core/event.h"
#include "composer/core/state.h"

namespace composer {

/// Whether what is done every `interval` is due now that training has come from `before` to where
/// `state` stands. Epochs and iterations are looked at when an epoch ends (epoch_end and
/// epoch_checkpoint), the other units when a batch does (batch_end and batch_checkpoint). Zero is
/// never.
bool is_due(const Time& interval, Event event, const State& state, const Timestamp& before);

}  // namespace composer
