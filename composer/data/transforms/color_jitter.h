#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/transforms/image_transform.h"

namespace composer {

namespace config {
class ColorJitter;
}

/// Changes brightness, contrast, saturation and hue by random amounts, in random order.
class ColorJitter final : public ByteTransform {
 public:
  using Config = config::ColorJitter;

  /// Errors are about "brightness", "contrast", "saturation" or "hue".
  static absl::StatusOr<std::shared_ptr<ColorJitter>> create(const Config& config);

  absl::string_view name() const override { return "color_jitter"; }
  /// Throws for images that have neither one channel nor three.
  void apply(LazyImage& image, CounterRandom& random) const override;

 private:
  explicit ColorJitter(const Config& config);

  const double brightness_;
  const double contrast_;
  const double saturation_;
  const double hue_;
};

}  // namespace composer
