#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "composer/core/algorithm.h"

namespace composer {

class ComposerModel;

/// Refuses, by name, two algorithms that cannot work together as far as traits tell: two that
/// compute a loss of their own; and one that does beside one that changes the targets, which the
/// own loss would not see. FailedPrecondition says which, and what to do.
absl::Status check_compatible(const Algorithm& one, const Algorithm& other);

/// The same of all pairs, and of an algorithm that needs per-sample losses on a model without them.
absl::Status check_compatible(absl::Span<const std::unique_ptr<Algorithm>> algorithms,
                              const ComposerModel& model);

}  // namespace composer
