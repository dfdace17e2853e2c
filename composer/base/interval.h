#pragma once

#include "composer/base/time.h"

namespace composer {

/// What happens every `interval` happens in the step that takes training from `before` to `after`:
/// true when the interval's counter reaches or passes a multiple of it there. Zero is never.
/// REQUIRES: not in `dur`, which needs a run: give its fractions to the other overload.
bool crosses(const Time& interval, const Timestamp& before, const Timestamp& after);

/// The same of fractions of a run. A multiple that is missed by a rounding error counts as reached,
/// so that 0.1 is crossed ten times between 0 and 1.
bool crosses(double interval, double before, double after);

}  // namespace composer
