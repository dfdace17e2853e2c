#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/dataset.h"
#include "composer/data/samplers/sampler.h"

namespace composer {

namespace config {
class DataLoader;
}

/// The order that a loader's config or its dataset asks for; null for the loader's own, by
/// `shuffle` and seed. Errors carry a field path relative to `config`:
/// "sampler.weighted.weights_file".
absl::StatusOr<std::shared_ptr<const Sampler>> build_sampler(const config::DataLoader& config,
                                                             const Dataset& dataset, bool shuffle,
                                                             uint64_t seed);

}  // namespace composer
