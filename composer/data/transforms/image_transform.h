#pragma once

#include "absl/strings/string_view.h"
#include "composer/base/counter_random.h"
#include "composer/data/transforms/float_image.h"
#include "composer/data/transforms/lazy_image.h"

namespace composer {

/// One step of what is done to an image on its way into a batch: a ByteTransform, Normalize, or a
/// FloatTransform. Constant once made, and used by several threads at once.
class ImageTransform {
 public:
  virtual ~ImageTransform() = default;

  /// As in configs: "random_crop". Its draws depend on it, so that they stay when others come and
  /// go.
  virtual absl::string_view name() const = 0;
};

/// Works on the bytes of an image, before they are normalised.
class ByteTransform : public ImageTransform {
 public:
  /// What is random comes from `random`, which is this transform's own for this sample. Throws for
  /// an image that it cannot work on.
  virtual void apply(LazyImage& image, CounterRandom& random) const = 0;
};

/// Works on the floats of an image, after they were normalised. Keeps the size.
class FloatTransform : public ImageTransform {
 public:
  virtual void apply(const FloatImage& image, CounterRandom& random) const = 0;
};

}  // namespace composer
