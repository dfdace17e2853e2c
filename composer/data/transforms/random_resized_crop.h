#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/transforms/image_transform.h"
#include "composer/data/transforms/output_size.h"
#include "composer/data/transforms/random_window.h"
#include "composer/data/transforms/resample.h"

namespace composer {

namespace config {
class RandomResizedCrop;
}

/// A window of random area and aspect ratio in one size (Szegedy et al., 2015, arXiv:1409.4842).
class RandomResizedCrop final : public ByteTransform {
 public:
  using Config = config::RandomResizedCrop;

  /// Errors are about "size", "height", "width", or a bound.
  static absl::StatusOr<std::shared_ptr<RandomResizedCrop>> create(const Config& config);

  absl::string_view name() const override { return "random_resized_crop"; }
  void apply(LazyImage& image, CounterRandom& random) const override;

 private:
  RandomResizedCrop(const Config& config, OutputSize size, const WindowBounds& bounds);

  const OutputSize size_;
  const WindowBounds bounds_;
  const ResampleFilter filter_;
  const bool antialias_;
};

}  // namespace composer
