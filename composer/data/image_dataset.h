#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "composer/data/dataset.h"
#include "composer/data/image.h"

namespace composer {

/// A dataset whose samples are an image of bytes and what belongs to it. A loader's transforms work
/// on the bytes (see transforms/image_batch_maker.h); by itself it gives `input` float [N,
/// channels, height, width], normalised by its own statistics.
class ImageDataset : public Dataset {
 public:
  /// The image, where it lies in memory or else decoded into `storage`. Valid until `storage`
  /// changes.
  virtual ImageView image(int64_t index, std::vector<uint8_t>& storage) const = 0;

  /// The tensors of the samples that are not the image: `target` int64 [N].
  virtual Batch companions(absl::Span<const int64_t> indices) const = 0;

  /// What images are normalised with where a config says nothing else.
  virtual const ChannelStatistics& statistics() const = 0;

  Batch get_batch(absl::Span<const int64_t> indices) const override;
  TensorDict get(int64_t index) const override;
};

}  // namespace composer
