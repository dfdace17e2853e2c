#pragma once

#include <optional>

#include "composer/data/dataset.h"

namespace composer {

/// What a sample of `dataset` takes of one thread's time, in nanoseconds: roughly, judged by the
/// size of the first one. `transformed` says that images go through more than a normalisation.
/// Nothing where samples are not held in memory, or are made one by one.
std::optional<double> nanoseconds_per_sample(const Dataset& dataset, bool transformed);

}  // namespace composer
