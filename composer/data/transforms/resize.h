#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/transforms/image_transform.h"
#include "composer/data/transforms/output_size.h"
#include "composer/data/transforms/resample.h"

namespace composer {

namespace config {
class Resize;
}

/// The image in another size; one of that size already stays as it is. Throws when its height or
/// width would be more than 2^20.
void resize(LazyImage& image, OutputSize size, ResampleFilter filter, bool antialias);

/// The size of an image whose shorter side becomes `shorter`, its aspect ratio kept.
OutputSize resized_by_shorter_side(OutputSize size, int64_t shorter);

class Resize final : public ByteTransform {
 public:
  using Config = config::Resize;

  /// Errors are about "size", "height" or "width".
  static absl::StatusOr<std::shared_ptr<Resize>> create(const Config& config);

  absl::string_view name() const override { return "resize"; }
  void apply(LazyImage& image, CounterRandom& random) const override;

 private:
  Resize(const Config& config, OutputSize size);

  const OutputSize size_;
  const bool by_shorter_side_;
  const ResampleFilter filter_;
  const bool antialias_;
};

}  // namespace composer
