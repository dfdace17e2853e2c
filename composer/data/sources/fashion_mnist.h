#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/sources/idx_images.h"

namespace composer {

namespace config {
class FashionMnist;
}

/// Fashion-MNIST (Xiao et al., 2017, arXiv:1708.07747), from its IDX files: images of 28x28 pixels,
/// 47 MB for the training split, and labels from 0 to 9.
class FashionMnist final : public IdxImages {
 public:
  using Config = config::FashionMnist;

  /// Reads and checks the split's two files. Errors are about the fields "dir", "mean" and "std".
  static absl::StatusOr<std::shared_ptr<FashionMnist>> create(const Config& config);

 private:
  using IdxImages::IdxImages;
};

}  // namespace composer
