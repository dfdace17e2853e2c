#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/transforms/image_transform.h"

namespace composer {

namespace config {
class RandomVerticalFlip;
}

/// Mirrors top and bottom with probability p.
class RandomVerticalFlip final : public ByteTransform {
 public:
  using Config = config::RandomVerticalFlip;

  /// Errors are about "p".
  static absl::StatusOr<std::shared_ptr<RandomVerticalFlip>> create(const Config& config);

  absl::string_view name() const override { return "random_vertical_flip"; }
  void apply(LazyImage& image, CounterRandom& random) const override;

 private:
  explicit RandomVerticalFlip(double p) : p_(p) {}

  const double p_;
};

}  // namespace composer
