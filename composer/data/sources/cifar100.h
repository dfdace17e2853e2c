#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/sources/cifar.h"

namespace composer {

namespace config {
class Cifar100;
}

/// CIFAR-100 from train.bin or test.bin. Batches: `input` float [N, 3, 32, 32]; `target` int64 [N],
/// 0 to 99, or 0 to 19 for coarse labels.
class Cifar100 final : public Cifar {
 public:
  using Config = config::Cifar100;

  /// Errors are about the fields "dir", "mean" and "std".
  static absl::StatusOr<std::shared_ptr<Cifar100>> create(const Config& config);

 private:
  using Cifar::Cifar;
};

}  // namespace composer
