#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/dataset.h"

namespace composer {

namespace config {
class Safetensors;
}

/// Tensors of safetensors files, whose first dimension counts samples; mapped, not read. See
/// ArrayDataset for the types, and ImageArrayDataset for a U8 `input` of four dimensions.
struct Safetensors {
  using Config = config::Safetensors;

  /// Errors are about the fields of the tensor: "tensors[1].array".
  static absl::StatusOr<std::shared_ptr<Dataset>> create(const Config& config);
};

}  // namespace composer
