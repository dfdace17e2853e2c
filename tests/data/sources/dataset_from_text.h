#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/data/dataset.h"

namespace composer {

/// The dataset of a `Dataset` message in text form, as from a config: "csv { ... }".
absl::StatusOr<std::shared_ptr<Dataset>> dataset_from(const std::string& text);

/// Expects that the dataset is refused with an InvalidArgument about `field`, in a message that has
/// all of `parts`.
void expect_refused(const std::string& text, const std::string& field,
                    const std::vector<std::string>& parts);

/// Expects that the sample cannot be read, for an error with all of `parts`.
void expect_broken(const Dataset& dataset, int64_t index, const std::vector<std::string>& parts);

/// All samples in order.
Batch all_of(const Dataset& dataset);

}  // namespace composer
