#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/dataset.h"

namespace composer {

namespace config {
class Numpy;
}

/// Arrays of .npy and .npz files, whose first dimension counts samples. Those of .npy files are
/// mapped, not read; those of .npz files are read into memory. See ArrayDataset for the types, and
/// ImageArrayDataset for a uint8 `input` of four dimensions.
struct Numpy {
  using Config = config::Numpy;

  /// Errors are about the fields of the array: "arrays[1].file".
  static absl::StatusOr<std::shared_ptr<Dataset>> create(const Config& config);
};

}  // namespace composer
