#pragma once

#include <cstdint>
#include <optional>

namespace composer {

/// The number of workers of `workers: "auto"`: a function of sizes and of the machine, never of
/// timing. `nanoseconds` is what a batch takes of one thread, as far as its size tells, `cores`
/// what the machine has.
///
/// None below 0.1 ms: handing a batch from one core to another, and taking a core from the training
/// step's own threads for it, costs about what is won. Else one for each half millisecond begun, no
/// more than there are cores, and four at most, which is how many batches are prepared ahead. All
/// of that where the size tells nothing: files are read, images decoded.
int64_t auto_workers(std::optional<double> nanoseconds, int64_t cores);

}  // namespace composer
