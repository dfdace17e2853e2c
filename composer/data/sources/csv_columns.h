#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace composer {

namespace config {
class Csv;
}

/// A tensor that columns go to, side by side.
struct CsvTensor {
  std::string name;
  /// Places in the config's columns.
  std::vector<int> columns;
};

/// Whether the config's fields go together: an error about the first that does not.
absl::Status check_csv(const config::Csv& config);

/// The tensors in the order in which the columns name them. An error is about "columns[i].type",
/// for floats and integers in one tensor.
absl::StatusOr<std::vector<CsvTensor>> csv_tensors(const config::Csv& config);

}  // namespace composer
