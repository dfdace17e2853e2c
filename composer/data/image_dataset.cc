#include "composer/data/image_dataset.h"

#include <ATen/ops/select.h>

#include "composer/data/image_batch.h"

namespace composer {

Batch ImageDataset::get_batch(absl::Span<const int64_t> indices) const {
  ImageBatchScratch scratch;
  return make_image_batch(*this, ImagePipeline(statistics()), indices, /*seed=*/0, /*epoch=*/0,
                          /*channels_last=*/false, scratch, RecycledMemory());
}

TensorDict ImageDataset::get(int64_t index) const {
  TensorDict sample;
  for (const auto& [name, tensor] : get_batch({index})) {
    sample.set(name, at::select(tensor, 0, 0));
  }
  return sample;
}

}  // namespace composer
