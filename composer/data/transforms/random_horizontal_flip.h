#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/transforms/image_transform.h"

namespace composer {

namespace config {
class RandomHorizontalFlip;
}

/// Mirrors left and right with probability p.
class RandomHorizontalFlip final : public ByteTransform {
 public:
  using Config = config::RandomHorizontalFlip;

  /// Errors are about "p".
  static absl::StatusOr<std::shared_ptr<RandomHorizontalFlip>> create(const Config& config);

  absl::string_view name() const override { return "random_horizontal_flip"; }
  void apply(LazyImage& image, CounterRandom& random) const override;

 private:
  explicit RandomHorizontalFlip(double p) : p_(p) {}

  const double p_;
};

}  // namespace composer
