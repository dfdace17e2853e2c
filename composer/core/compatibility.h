#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "composer/core/algorithm.h"

namespace composer {

class ComposerModel;

/// Refuses, by name, what cannot work together as far as traits tell: two algorithms that compute a
/// loss of their own; one that does beside one that changes the targets, which the own loss would
/// not see; and an algorithm that needs per-sample losses on a model without them.
/// FailedPrecondition says which, and what to do.
absl::Status check_compatible(absl::Span<const std::unique_ptr<Algorithm>> algorithms,
                              const ComposerModel& model);

}  // namespace composer
