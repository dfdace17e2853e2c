#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/dataset.h"

namespace composer {

/// Weights from a file, 0 or above, in the order of the samples: from a .npy, an array [samples] of
/// float64 or float32; else from text, a number a line, where LF and CRLF end a line and a UTF-8
/// byte order mark is passed over. Errors name the file and the line or the place in the array.
absl::StatusOr<std::vector<double>> read_weights(const std::string& path);

/// Each sample's weight by its integer `target`: class_weights[target]. Reads every sample once,
/// of images what belongs to them alone.
/// InvalidArgument names the sample whose target is none or has no weight; what the dataset throws
/// is returned.
absl::StatusOr<std::vector<double>> weights_by_class(const Dataset& dataset,
                                                     absl::Span<const double> class_weights);

}  // namespace composer
