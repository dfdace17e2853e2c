#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/data/image.h"
#include "composer/data/transforms/image_transform.h"
#include "composer/data/transforms/normalizer.h"

namespace composer {

/// What is done to each image of a batch: transforms of bytes, normalisation, transforms of floats.
class ImagePipeline {
 public:
  /// Without transforms: normalises with `statistics`.
  explicit ImagePipeline(const ChannelStatistics& statistics);

  /// In the order of `transforms`. Normalises with a dataset's `statistics` in front of the first
  /// transform of floats, unless Normalize stands among the transforms. Errors are about
  /// "transforms[i]": one that works on bytes behind one that makes or needs floats, one that works
  /// on floats in front of Normalize, a second Normalize.
  static absl::StatusOr<ImagePipeline> create(
      const std::vector<std::shared_ptr<const ImageTransform>>& transforms,
      const ChannelStatistics& statistics);

  int64_t channels() const { return normalizer_.channels(); }

  /// The steps in order. What is random is a function of `sample_key`, which is the sample's own,
  /// and of the transform: its name, and how many of that name stand in front of it.
  void transform_bytes(LazyImage& image, uint64_t sample_key) const;
  /// REQUIRES: `image` and `out` have channels() and one size.
  void normalize(const LazyImage& image, const FloatImage& out) const;
  void transform_floats(const FloatImage& image, uint64_t sample_key) const;

 private:
  template <typename Transform>
  struct Step {
    std::shared_ptr<const Transform> transform;
    uint64_t key;
  };

  std::vector<Step<ByteTransform>> byte_steps_;
  Normalizer normalizer_;
  std::vector<Step<FloatTransform>> float_steps_;
};

}  // namespace composer
