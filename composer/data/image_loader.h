#pragma once

#include <memory>

#include "absl/status/status.h"

namespace composer {

class ByteTransform;
class DataLoader;

/// What a loader is besides where transforms can be added to those of its images: a MapDataLoader
/// of an ImageDataset, and what passes its batches on.
class ImageLoader {
 public:
  virtual ~ImageLoader() = default;

  /// Puts images through `transform`, too: after the loader's other transforms of bytes, and before
  /// they are normalised. One that it has stays once. Call `seek` before the next batch.
  /// InvalidArgument when the loader's samples are no images.
  virtual absl::Status add_transform(std::shared_ptr<const ByteTransform> transform) = 0;
};

/// ImageLoader::add_transform of a loader that may be none, which is InvalidArgument.
absl::Status add_transform(DataLoader& loader, std::shared_ptr<const ByteTransform> transform);

}  // namespace composer
