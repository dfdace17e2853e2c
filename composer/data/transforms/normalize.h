#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/data/image.h"
#include "composer/data/transforms/image_transform.h"

namespace composer {

namespace config {
class Normalize;
}

/// Says what the pipeline normalises with, and where bytes become floats: (pixel / 255 - mean) /
/// std.
class Normalize final : public ImageTransform {
 public:
  using Config = config::Normalize;

  /// Errors are about "std".
  static absl::StatusOr<std::shared_ptr<Normalize>> create(const Config& config);

  absl::string_view name() const override { return "normalize"; }

  /// For images with the channels of `own`, a dataset's statistics, which stand in for what the
  /// config leaves out. Errors are about "mean" or "std" and name both numbers of channels.
  absl::StatusOr<ChannelStatistics> statistics(const ChannelStatistics& own) const;

 private:
  explicit Normalize(const Config& config);

  std::vector<double> mean_;
  std::vector<double> std_;
};

}  // namespace composer
