#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/transforms/image_transform.h"
#include "composer/data/transforms/output_size.h"

namespace composer {

namespace config {
class RandomCrop;
}

/// A window anywhere in the image, after pixels were added on every side.
class RandomCrop final : public ByteTransform {
 public:
  using Config = config::RandomCrop;

  /// Errors are about "size", "height", "width", "padding" or "fill".
  static absl::StatusOr<std::shared_ptr<RandomCrop>> create(const Config& config);

  absl::string_view name() const override { return "random_crop"; }
  /// Throws when the image with its padding is smaller than the window.
  void apply(LazyImage& image, CounterRandom& random) const override;

 private:
  RandomCrop(const Config& config, OutputSize size);

  const OutputSize size_;
  const int64_t padding_;
  const uint8_t fill_;
};

}  // namespace composer
