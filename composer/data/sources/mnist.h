#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/sources/idx_images.h"

namespace composer {

namespace config {
class Mnist;
}

/// MNIST (LeCun et al., 1998), or any data set in four IDX files of MNIST's names: grey images of
/// any one size, labels from 0 to 255.
class Mnist final : public IdxImages {
 public:
  using Config = config::Mnist;

  /// Reads and checks the split's two files. Errors are about the fields "dir", "mean" and "std".
  static absl::StatusOr<std::shared_ptr<Mnist>> create(const Config& config);

 private:
  using IdxImages::IdxImages;
};

}  // namespace composer
