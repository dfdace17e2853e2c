#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/sources/cifar.h"

namespace composer {

namespace config {
class Cifar10;
}

/// CIFAR-10 from data_batch_1.bin to data_batch_5.bin or test_batch.bin. Batches: `input` float
/// [N, 3, 32, 32]; `target` int64 [N], 0 to 9.
class Cifar10 final : public Cifar {
 public:
  using Config = config::Cifar10;

  /// Errors are about the fields "dir", "mean" and "std".
  static absl::StatusOr<std::shared_ptr<Cifar10>> create(const Config& config);

 private:
  using Cifar::Cifar;
};

}  // namespace composer
