#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/transforms/image_transform.h"
#include "composer/data/transforms/output_size.h"

namespace composer {

namespace config {
class CenterCrop;
}

/// Keeps the window in the middle; what a smaller image lacks is 0. Halves of a pixel are rounded
/// as torchvision does.
void center_crop(LazyImage& image, OutputSize size);

class CenterCrop final : public ByteTransform {
 public:
  using Config = config::CenterCrop;

  /// Errors are about "size", "height" or "width".
  static absl::StatusOr<std::shared_ptr<CenterCrop>> create(const Config& config);

  absl::string_view name() const override { return "center_crop"; }
  void apply(LazyImage& image, CounterRandom& random) const override;

 private:
  explicit CenterCrop(OutputSize size) : size_(size) {}

  const OutputSize size_;
};

}  // namespace composer
